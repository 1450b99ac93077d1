/* Does system calls on its own address space, as told line by line, and nothing else.
 *
 *   NUMBER ARG...   a system call by number        -> its result, or -errno
 *   touch ADDR W    read (W=0) or write a byte     -> 0, or -1 after a SIGSEGV or SIGBUS
 *   fork            the child goes on; the parent waits until it exits, then goes on -> 0
 *   exit            end this process; its parent answers 0
 *   maps            /proc/self/smaps, and a line "end"
 *
 * It allocates nothing, so every mapping that comes or goes was asked for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char input[4096], output[1 << 16], signal_stack[1 << 16];
static size_t have, at;
static sigjmp_buf after_fault;

static void on_fault(int number)
{
    (void)number;
    siglongjmp(after_fault, 1);
}

static void read_line(char *line, size_t size)
{
    size_t length = 0;
    for (;;) {
        if (at == have) {
            ssize_t got = read(0, input, sizeof input);
            if (got <= 0)
                _exit(0);
            have = (size_t)got;
            at = 0;
        }
        char byte = input[at++];
        if (byte == '\n')
            break;
        if (length + 1 < size)
            line[length++] = byte;
    }
    line[length] = 0;
}

static void write_all(const char *text, size_t length)
{
    while (length > 0) {
        ssize_t done = write(1, text, length);
        if (done <= 0)
            _exit(1);
        text += done;
        length -= (size_t)done;
    }
}

static void answer(long result)
{
    char text[32];
    write_all(text, (size_t)snprintf(text, sizeof text, "%ld\n", result));
}

static void show_maps(void)
{
    int file = open("/proc/self/smaps", O_RDONLY);
    ssize_t got;
    while ((got = read(file, output, sizeof output)) > 0)
        write_all(output, (size_t)got);
    close(file);
    write_all("end\n", 4);
}

static long touch(char *rest)
{
    volatile char *address = (volatile char *)strtoul(rest, &rest, 0);
    int writing = (int)strtol(rest, &rest, 0);
    if (sigsetjmp(after_fault, 1))
        return -1;
    if (writing)
        *address = 1;
    else
        (void)*address;
    return 0;
}

static long call(char *rest)
{
    unsigned long words[7] = {0};
    for (int i = 0; i < 7; i++)
        words[i] = strtoul(rest, &rest, 0);
    long result = syscall((long)words[0], words[1], words[2], words[3], words[4], words[5], words[6]);
    return result == -1 ? -errno : result;
}

int main(void)
{
    stack_t stack = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK | SA_NODEFER};
    char line[256];
    sigaltstack(&stack, 0);
    sigaction(SIGSEGV, &action, 0);
    sigaction(SIGBUS, &action, 0);
    for (;;) {
        read_line(line, sizeof line);
        if (!strncmp(line, "touch ", 6))
            answer(touch(line + 6));
        else if (!strcmp(line, "maps"))
            show_maps();
        else if (!strcmp(line, "exit"))
            _exit(0);
        else if (!strcmp(line, "fork")) {
            pid_t child = fork();
            if (child > 0)
                waitpid(child, 0, 0);
            answer(child < 0 ? -errno : 0);
        } else
            answer(call(line));
    }
}
