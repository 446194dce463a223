/* A driver of a USB camera, /dev/video9, for a process that is started with this library in LD_PRELOAD.
 *
 * It stands in for the kernel's uvcvideo and for nothing above it: what a program opens, maps, waits for and asks by
 * ioctl(2) behaves as Video4Linux2 specifies (Documentation/userspace-api/media/v4l of Linux): frames come at the mode's
 * rate and fill the buffers in the order in which these were queued; a frame without a buffer at its beginning is lost.
 *
 * CAMERA_MODES   file with a line per mode: FOURCC WIDTH HEIGHT RATE FILE. FILE holds the frames, which are repeated:
 *                of each its number of bytes (uint32, of this machine's order) and the bytes.
 * CAMERA_LOG     file to which the requested and resulting formats and rates are appended.
 * CAMERA_UNPLUG  "FRAMES SECONDS": after so many frames the device goes for that time; then
 * CAMERA_THEN    is the file of its modes, if given.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#define DEVICE "/dev/video9"
enum { MAX_MODES = 8, MAX_BUFFERS = 8 };

struct mode {
    char fourcc[5];
    uint32_t width, height, rate;
    uint8_t *frames, *end, *next;
};

static struct mode modes[MAX_MODES];
static int mode_count;
static struct mode *mode;              /* the current one */
static uint32_t rate;                  /* frames per second */
static int device = -1, is_blocking;   /* the open file: memory that is mapped as the buffers */
static uint32_t buffer_count, buffer_bytes;
static uint8_t *memory;
static struct v4l2_buffer done[MAX_BUFFERS]; /* filled ones, first in first out */
static uint32_t queued[MAX_BUFFERS];         /* indices of empty ones, likewise */
static int done_count, queued_count, is_streaming;
static int filling;            /* index of the buffer of the frame that arrives now; -1 for none */
static double start;           /* time of STREAMON, seconds */
static uint32_t sequence;      /* number of the next frame since then */
static long served;            /* frames since the process began */
static double back_at = -1;    /* time at which the unplugged device is back; -1 before it went */

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void wait_seconds(double seconds) {
    if (seconds > 0) usleep((useconds_t)(seconds * 1e6) + 1);
}

static void note(const char *format, ...) {
    FILE *file = getenv("CAMERA_LOG") ? fopen(getenv("CAMERA_LOG"), "a") : NULL;
    if (!file) return;
    va_list values;
    va_start(values, format);
    vfprintf(file, format, values);
    va_end(values);
    fclose(file);
}

static void load_modes(const char *path) {
    char frames[4096];
    FILE *list = fopen(path, "r");
    if (!list) abort();
    mode_count = 0;
    for (struct mode *m = modes; m < modes + MAX_MODES; m++, mode_count++) {
        if (fscanf(list, "%4c %u %u %u %4095s ", m->fourcc, &m->width, &m->height, &m->rate, frames) != 5) break;
        FILE *file = fopen(frames, "rb");
        if (!file) abort();
        fseek(file, 0, SEEK_END);
        long bytes = ftell(file);
        rewind(file);
        m->frames = m->next = malloc(bytes);
        m->end = m->frames + fread(m->frames, 1, bytes, file);
        fclose(file);
    }
    fclose(list);
    mode = modes;
    rate = mode->rate;
}

static int open_device(int flags) {
    double gone = back_at - now();
    if (back_at >= 0 && gone > 0) {
        errno = ENOENT;
        return -1;
    }
    load_modes(getenv(back_at >= 0 && getenv("CAMERA_THEN") ? "CAMERA_THEN" : "CAMERA_MODES"));
    is_blocking = !(flags & O_NONBLOCK);
    is_streaming = buffer_count = 0;
    return device = memfd_create("camera", 0);
}

static void unplug_after(long frames) {
    long last;
    double seconds;
    const char *setting = getenv("CAMERA_UNPLUG");
    if (setting && sscanf(setting, "%ld %lf", &last, &seconds) == 2 && frames == last) back_at = now() + seconds;
}

static int take_queued(void) {
    if (!queued_count) return -1;
    int index = queued[0];
    memmove(queued, queued + 1, --queued_count * sizeof *queued);
    return index;
}

static double frame_end(void) { return start + (sequence + 1.0) / rate; }

/* Let the time pass: complete the frames that have arrived since the last call. */
static void advance(void) {
    for (; is_streaming && frame_end() <= now(); sequence++, filling = take_queued()) {
        uint32_t bytes;
        memcpy(&bytes, mode->next, sizeof bytes);
        if (filling >= 0) {
            struct v4l2_buffer *buffer = &done[done_count++];
            memset(buffer, 0, sizeof *buffer);
            buffer->index = filling;
            buffer->bytesused = bytes;
            buffer->sequence = sequence;
            buffer->timestamp.tv_sec = (long)now();
            memcpy(memory + filling * buffer_bytes, mode->next + sizeof bytes, bytes);
            unplug_after(++served);
        }
        mode->next += sizeof bytes + bytes;
        if (mode->next >= mode->end) mode->next = mode->frames;
    }
}

static int is_unplugged(void) { return back_at >= 0 && now() < back_at; }

/* Wait until a buffer is filled, at most some seconds; return whether there is something to be asked for. */
static int wait_for_frame(double seconds) {
    double deadline = now() + seconds;
    for (advance(); !done_count && !is_unplugged() && now() < deadline; advance()) {
        double due = is_streaming && (queued_count || filling >= 0) ? frame_end() : deadline;
        wait_seconds((due < deadline ? due : deadline) - now());
    }
    return done_count || is_unplugged();
}

static void describe(struct v4l2_format *format) {
    struct v4l2_pix_format *pixels = &format->fmt.pix;
    memset(pixels, 0, sizeof *pixels);
    memcpy(&pixels->pixelformat, mode->fourcc, 4);
    pixels->width = mode->width;
    pixels->height = mode->height;
    pixels->field = V4L2_FIELD_NONE;
    pixels->colorspace = V4L2_COLORSPACE_SRGB;
    pixels->bytesperline = memcmp(mode->fourcc, "MJPG", 4) ? mode->width * 2 : 0;
    pixels->sizeimage = mode->width * mode->height * 3;
}

/* Choose the mode of the requested format, or of the first one, with the nearest size. */
static int choose_mode(struct v4l2_format *format, int is_set) {
    struct v4l2_pix_format wanted = format->fmt.pix;
    struct mode *nearest = NULL;
    long least = 0;
    const char *fourcc = modes[0].fourcc;
    for (struct mode *m = modes; m < modes + mode_count; m++)
        if (!memcmp(m->fourcc, &wanted.pixelformat, 4)) fourcc = m->fourcc;
    for (struct mode *m = modes; m < modes + mode_count; m++) {
        long distance = labs((long)m->width - wanted.width) + labs((long)m->height - wanted.height);
        if (memcmp(m->fourcc, fourcc, 4) || (nearest && distance >= least)) continue;
        nearest = m;
        least = distance;
    }
    struct mode *before = mode;
    mode = nearest;
    describe(format);
    if (!is_set) {
        mode = before;
        return 0;
    }
    rate = mode->rate;
    note("format %.4s %ux%u: %s %ux%u\n", (char *)&wanted.pixelformat, wanted.width, wanted.height, mode->fourcc,
         mode->width, mode->height);
    return 0;
}

static int set_rate(struct v4l2_streamparm *parameters) {
    struct v4l2_fract *interval = &parameters->parm.capture.timeperframe;
    uint32_t wanted = interval->numerator ? interval->denominator / interval->numerator : 0;
    rate = wanted && wanted < mode->rate ? wanted : mode->rate;
    note("rate %u: %u\n", wanted, rate);
    interval->numerator = 1;
    interval->denominator = rate;
    return 0;
}

static int request_buffers(struct v4l2_requestbuffers *request) {
    long page = sysconf(_SC_PAGESIZE);
    if (request->count > MAX_BUFFERS) request->count = MAX_BUFFERS;
    buffer_bytes = (mode->width * mode->height * 3 + page - 1) / page * page;
    if (memory) munmap(memory, buffer_count * buffer_bytes);
    memory = NULL;
    buffer_count = request->count;
    is_streaming = done_count = queued_count = 0;
    if (!buffer_count) return 0;
    note("buffers %u\n", buffer_count);
    if (ftruncate(device, (off_t)buffer_count * buffer_bytes)) return -1;
    memory = mmap(NULL, buffer_count * buffer_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, device, 0);
    return memory == MAP_FAILED ? -1 : 0;
}

static int fail(int error) {
    errno = error;
    return -1;
}

static int describe_buffer(struct v4l2_buffer *buffer) {
    if (buffer->index >= buffer_count) return fail(EINVAL);
    buffer->type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    buffer->memory = V4L2_MEMORY_MMAP;
    buffer->flags = V4L2_BUF_FLAG_MAPPED | V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    buffer->length = buffer_bytes;
    buffer->m.offset = buffer->index * buffer_bytes;
    return 0;
}

static int queue(struct v4l2_buffer *buffer) {
    if (buffer->index >= buffer_count || queued_count == MAX_BUFFERS) return fail(EINVAL);
    advance();
    queued[queued_count++] = buffer->index;
    return describe_buffer(buffer);
}

static int dequeue(struct v4l2_buffer *buffer) {
    if (!is_streaming) return fail(EINVAL);
    advance();
    if (is_blocking) wait_for_frame(1e9);
    if (is_unplugged()) return fail(ENODEV);
    if (!done_count) return fail(EAGAIN);
    *buffer = done[0];
    memmove(done, done + 1, --done_count * sizeof *done);
    return describe_buffer(buffer);
}

static int stream(int is_on) {
    is_streaming = is_on;
    start = now();
    sequence = done_count = 0;
    if (!is_on) queued_count = 0;
    filling = take_queued();
    return 0;
}

static int answer(uint32_t request, void *argument) {
    if (is_unplugged()) return fail(ENODEV);
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *capability = argument;
        memset(capability, 0, sizeof *capability);
        strcpy((char *)capability->driver, "uvcvideo");
        strcpy((char *)capability->card, "Camera");
        capability->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        capability->capabilities = capability->device_caps | V4L2_CAP_DEVICE_CAPS;
        return 0;
    }
    case VIDIOC_ENUM_FMT: {
        struct v4l2_fmtdesc *format = argument;
        if ((int)format->index >= mode_count) return fail(EINVAL);
        memcpy(&format->pixelformat, modes[format->index].fourcc, 4);
        return 0;
    }
    case VIDIOC_G_INPUT: *(int *)argument = 0; return 0;
    case VIDIOC_S_INPUT: return *(int *)argument ? fail(EINVAL) : 0;
    case VIDIOC_ENUMINPUT: {
        struct v4l2_input *input = argument;
        if (input->index) return fail(EINVAL);
        memset(input, 0, sizeof *input);
        input->type = V4L2_INPUT_TYPE_CAMERA;
        return 0;
    }
    case VIDIOC_G_FMT: describe(argument); return 0;
    case VIDIOC_TRY_FMT: return choose_mode(argument, 0);
    case VIDIOC_S_FMT: return buffer_count ? fail(EBUSY) : choose_mode(argument, 1);
    case VIDIOC_S_PARM: return is_streaming ? fail(EBUSY) : set_rate(argument);
    case VIDIOC_G_PARM: {
        struct v4l2_captureparm *capture = &((struct v4l2_streamparm *)argument)->parm.capture;
        capture->timeperframe = (struct v4l2_fract){1, rate};
        return 0;
    }
    case VIDIOC_REQBUFS: return request_buffers(argument);
    case VIDIOC_QUERYBUF: return describe_buffer(argument);
    case VIDIOC_QBUF: return queue(argument);
    case VIDIOC_DQBUF: return dequeue(argument);
    case VIDIOC_STREAMON: return stream(1);
    case VIDIOC_STREAMOFF: return stream(0);
    default: return fail(EINVAL); /* controls, of which it has none */
    }
}

/* What the C library gives otherwise. */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define OPEN(name)                                                      \
    int name(const char *path, int flags, ...) {                        \
        va_list more;                                                   \
        va_start(more, flags);                                          \
        mode_t permissions = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more);                                                   \
        if (!strcmp(path, DEVICE)) return open_device(flags);   \
        return REAL(name)(path, flags, permissions);                    \
    }
OPEN(open)
OPEN(open64)

int openat(int folder, const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t permissions = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    if (!strcmp(path, DEVICE)) return open_device(flags);
    return REAL(openat)(folder, path, flags, permissions);
}

int ioctl(int file, unsigned long request, ...) {
    va_list more;
    va_start(more, request);
    void *argument = va_arg(more, void *);
    va_end(more);
    return file == device && file >= 0 ? answer((uint32_t)request, argument) : REAL(ioctl)(file, request, argument);
}

int select(int count, fd_set *read, fd_set *write, fd_set *except, struct timeval *timeout) {
    if (device < 0 || device >= count || !read || !FD_ISSET(device, read))
        return REAL(select)(count, read, write, except, timeout);
    return wait_for_frame(timeout ? timeout->tv_sec + timeout->tv_usec / 1e6 : 1e9);
}

int poll(struct pollfd *files, nfds_t count, int timeout) {
    if (device < 0 || count != 1 || files->fd != device) return REAL(poll)(files, count, timeout);
    int is_ready = wait_for_frame(timeout < 0 ? 1e9 : timeout / 1e3);
    files->revents = is_unplugged() ? POLLERR | POLLHUP : is_ready ? POLLIN : 0;
    return is_ready;
}

int close(int file) {
    if (file >= 0 && file == device) {
        struct v4l2_requestbuffers none = {.count = 0};
        request_buffers(&none);
        device = -1;
    }
    return REAL(close)(file);
}
