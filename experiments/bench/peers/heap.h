/* The event queue as one binary heap, ordered by (time, serial number). */
struct entry {
    double time;
    uint32_t serial;
    event event;
};
static struct entry *heap;
static uint32_t size, serial;

static void queue_open(uint32_t clients) {
    heap = malloc((2 * (size_t)clients + 2) * sizeof *heap); /* a client has at most a timer and a release */
    size = serial = 0;
}

static void queue_close(void) { free(heap); }

static inline int before(const struct entry *a, const struct entry *b) {
    return a->time < b->time || (a->time == b->time && (int32_t)(a->serial - b->serial) < 0);
}

static inline void push(double time, event e) {
    struct entry added = {time, serial++, e};
    uint32_t place = size++;
    while (place > 0) {
        uint32_t parent = (place - 1) / 2;
        if (!before(&added, &heap[parent])) break;
        heap[place] = heap[parent];
        place = parent;
    }
    heap[place] = added;
}

static inline void pop(double *time, event *e) {
    *time = heap[0].time;
    *e = heap[0].event;
    struct entry last = heap[--size];
    uint32_t place = 0, child;
    while ((child = 2 * place + 1) < size) {
        child += child + 1 < size && before(&heap[child + 1], &heap[child]);
        if (!before(&heap[child], &last)) break;
        heap[place] = heap[child];
        place = child;
    }
    heap[place] = last;
}
