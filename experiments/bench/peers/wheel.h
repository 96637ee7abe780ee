/* The event queue as a wheel of buckets no wider than the latency (Brown, "Calendar queues", CACM 31(10), 1988):
 * a message never lands in the open bucket, so only a rare short timer is inserted there. A bucket is a linked list
 * of pooled nodes in no order until it is opened. Equal times (of probability 0 here) come in no certain order.
 */
struct node {
    double time;
    uint32_t next;
    event event;
};
struct entry {
    double time;
    event event;
};
#define NONE UINT32_MAX
#define BUCKETS_MIN (1 << 14)
#define BUCKETS_PER_CLIENT 0.25
#define SPAN_S (2 * THINK_S) /* of the wheel, at most; few timers are set for longer */
static struct node *nodes;
static struct entry *opened; /* the open bucket, latest first */
static uint32_t free_node, *wheel;
static uint64_t *occupied; /* a bit for each bucket */
static int64_t buckets, cursor, opened_size, opened_room;
static double per_second; /* buckets */

static void queue_open(uint32_t clients) {
    uint32_t count = 2 * clients + 2; /* a client has at most a timer and a release */
    buckets = BUCKETS_MIN;
    while (buckets < BUCKETS_PER_CLIENT * (double)clients) buckets *= 2;
    per_second = fmax(1.0 / LATENCY_S, (double)buckets / SPAN_S);
    nodes = malloc(count * sizeof *nodes);
    for (uint32_t n = 0; n < count; n++) nodes[n].next = n + 1;
    wheel = malloc((size_t)buckets * sizeof *wheel);
    memset(wheel, 0xFF, (size_t)buckets * sizeof *wheel);
    occupied = calloc((size_t)buckets / 64, sizeof *occupied);
    opened_room = 64;
    opened = malloc((size_t)opened_room * sizeof *opened);
    free_node = 0;
    cursor = -1;
    opened_size = 0;
}

static void queue_close(void) {
    free(nodes);
    free(wheel);
    free(occupied);
    free(opened);
}

static inline void insert(double time, event e) {
    if (opened_size == opened_room) opened = realloc(opened, (size_t)(opened_room *= 2) * sizeof *opened);
    int64_t place = opened_size++;
    while (place > 0 && opened[place - 1].time < time) {
        opened[place] = opened[place - 1];
        place--;
    }
    opened[place] = (struct entry){time, e};
}

static inline void push(double time, event e) {
    int64_t bucket = (int64_t)(time * per_second);
    if (bucket <= cursor) {
        insert(time, e);
        return;
    }
    uint32_t n = free_node;
    free_node = nodes[n].next;
    bucket &= buckets - 1;
    nodes[n] = (struct node){time, wheel[bucket], e};
    wheel[bucket] = n;
    occupied[bucket >> 6] |= 1ull << (bucket & 63);
}

/* Move the cursor to the next bucket that is not empty. */
static inline void advance(void) {
    cursor++;
    int64_t place = cursor & (buckets - 1);
    uint64_t word = occupied[place >> 6] >> (place & 63);
    while (word == 0) {
        cursor += 64 - (cursor & 63);
        word = occupied[(cursor & (buckets - 1)) >> 6];
    }
    cursor += __builtin_ctzll(word);
}

/* Open the next bucket; what is due in a later turn of the wheel goes back. */
static inline void open_next(void) {
    advance();
    int64_t place = cursor & (buckets - 1);
    uint32_t n = wheel[place], later = NONE;
    while (n != NONE) {
        struct node *found = &nodes[n];
        uint32_t next = found->next;
        if ((int64_t)(found->time * per_second) == cursor) {
            insert(found->time, found->event);
            found->next = free_node;
            free_node = n;
        } else {
            found->next = later;
            later = n;
        }
        n = next;
    }
    wheel[place] = later;
    if (later == NONE) occupied[place >> 6] &= ~(1ull << (place & 63));
}

static inline void pop(double *time, event *e) {
    while (opened_size == 0) open_next();
    struct entry first = opened[--opened_size];
    *time = first.time;
    *e = first.event;
}
