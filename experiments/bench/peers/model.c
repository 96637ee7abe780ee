/* The micro-model of experiments/bench/engine.py as a flat loop in C, over the event queue named by QUEUE.
 *
 * Started with the number of clients. For each line "seconds seed" of standard input it simulates so long and
 * answers with a line "cpu_s events grants denials"; the CPU time is that of the loop, without the set-up.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THINK_S 60.0
#define HOLD_S 30.0
#define LATENCY_S 0.005
#define SERVERS 4
#ifndef EXTRA_LICENSES /* per server; a test makes the model wrong with it */
#define EXTRA_LICENSES 0
#endif

enum kind { LAUNCH, REQUEST, GRANT, DENY, END, RELEASE };

/* An event but for its time: client * 8 + kind. */
typedef uint32_t event;

#include QUEUE /* queue_open, queue_close, push, pop */

/* xoshiro256** (Blackman and Vigna, ACM TOMS 47(4), 2021), seeded by splitmix64. */
static uint64_t state[4];

static void seed_random(uint64_t seed) {
    for (int i = 0; i < 4; i++) {
        uint64_t z = (seed += 0x9E3779B97F4A7C15u);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        state[i] = z ^ (z >> 31);
    }
}

static inline uint64_t rotate(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

static inline uint64_t next_random(void) {
    uint64_t result = rotate(state[1] * 5, 7) * 9, t = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= t;
    state[3] = rotate(state[3], 45);
    return result;
}

static inline double exponential(double mean) {
    return -mean * log(((double)(next_random() >> 11) + 0.5) * 0x1p-53);
}

static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void simulate(uint32_t clients, double seconds, uint64_t seed) {
    int64_t free_licenses[SERVERS], events = 0, grants = 0, denials = 0;
    double now;
    event e;
    seed_random(seed);
    queue_open(clients);
    for (int s = 0; s < SERVERS; s++) free_licenses[s] = clients / (10 * SERVERS) + EXTRA_LICENSES;
    for (uint32_t c = 0; c < clients; c++) push(exponential(THINK_S), c * 8 + LAUNCH);
    double started = cpu_s();
    while (pop(&now, &e), now < seconds) {
        uint32_t client = e & ~7u;
        int64_t *pool = &free_licenses[(e >> 3) % SERVERS];
        events++;
        switch ((enum kind)(e & 7)) {
        case LAUNCH:
            push(now + LATENCY_S, client + REQUEST);
            break;
        case REQUEST:
            if (*pool > 0) {
                (*pool)--;
                push(now + LATENCY_S, client + GRANT);
            } else {
                denials++;
                push(now + LATENCY_S, client + DENY);
            }
            break;
        case GRANT:
            grants++;
            push(now + exponential(HOLD_S), client + END);
            break;
        case DENY:
            push(now + exponential(THINK_S), client + LAUNCH);
            break;
        case END:
            push(now + LATENCY_S, client + RELEASE);
            push(now + exponential(THINK_S), client + LAUNCH);
            break;
        case RELEASE:
            (*pool)++;
            break;
        }
    }
    double spent = cpu_s() - started;
    queue_close();
    printf("%.9f %lld %lld %lld\n", spent, (long long)events, (long long)grants, (long long)denials);
    fflush(stdout);
}

int main(int argc, char **argv) {
    double seconds;
    unsigned long long seed;
    if (argc != 2) return 2;
    while (scanf("%lf %llu", &seconds, &seed) == 2) simulate((uint32_t)strtoul(argv[1], NULL, 10), seconds, seed);
    return 0;
}
