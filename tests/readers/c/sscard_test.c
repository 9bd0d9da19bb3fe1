/* A driver of the terminal interface for tests: well-behaved for iType 1 to 4, hostile above.
 *
 * Its card is two files in the working directory, both GB18030: basic.txt, the whole answer of iReadCardBas (no file:
 * no card), and records.txt, lines "SSSEEF05|06|value". What is misdone is chosen by iType, see hostile().
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUT 1024

static jmp_buf gone;

static void hang(void)
{
    for (;;)
        pause();
}

static void ignore_all(void)
{
    for (int number = 1; number < 32; number++)
        signal(number, SIG_IGN);
}

static void leave_a_jump_behind(void)
{
    if (setjmp(gone) != 0)
        abort();
}

static int hostile(int what, char *out)
{
    static const char answer[] = "still here|";
    volatile char *far = out;
    strcpy(out, answer);
    switch (what) {
    case 100: /* another code, with its text */
        strcpy(out, "\xCE\xDE\xBF\xA8|"); /* 无卡 */
        return -2;
    case 101: /* no end */
        memset(out, 'A', OUT);
        return 0;
    case 102: /* one byte too far: the NUL */
        memset(out, 'A', OUT);
        out[OUT] = 0;
        return 0;
    case 103: /* far too much */
        memset((char *)far, 'B', 100000);
        return 0;
    case 104: /* before its buffer */
        far[-1] = 'C';
        return 0;
    case 105:
        hang();
        return 0;
    case 106: /* hang, deaf to every signal that can be ignored */
        ignore_all();
        hang();
        return 0;
    case 107: /* busy for ever */
        for (volatile unsigned spin = 0;; spin++)
            ;
    case 108:
        *(volatile int *)(uintptr_t)8 = 1;
        return 0;
    case 109:
        abort();
    case 110:
        exit(0);
    case 111:
        _exit(3);
    case 112: /* the end of the line, and of everything else */
        for (int fd = 0; fd < 1024; fd++)
            close(fd);
        return 0;
    case 113: { /* fork, and both come back */
        pid_t born = fork();
        (void)born;
        return 0;
    }
    case 114: /* fork, and the one left behind keeps the line open while this one dies */
        if (fork() == 0)
            hang();
        _exit(4);
    case 115: /* noise on stdout and stderr */
        for (int line = 0; line < 2000; line++) {
            printf("vendor debug %d\n", line);
            fprintf(stderr, "vendor debug %d\n", line);
        }
        fflush(stdout);
        return 0;
    case 116: /* noise on every descriptor */
        for (int fd = 0; fd < 64; fd++)
            if (write(fd, "vendor debug, all over the place", 32) < 0)
                continue;
        return 0;
    case 117: { /* more memory than allowed, and no check */
        size_t size = (size_t)4 << 30;
        char *much = malloc(size);
        for (size_t at = 0; at < size; at += 4096)
            much[at] = 1;
        return much[0] == 1 ? 0 : -1;
    }
    case 118: /* take over signals, then go on */
        ignore_all();
        return 0;
    case 119: /* jump to a frame that has gone */
        leave_a_jump_behind();
        longjmp(gone, 1);
    case 120: /* all signals to its own group */
        kill(0, SIGTERM);
        sleep(5);
        return 0;
    case 121:
        raise(SIGSTOP);
        return 0;
    case 122: /* a 64-bit result whose lower half says no card */
        return -2;
    case 123: /* ends in half a character */
        strcpy(out, "639900|\xC0");
        return 0;
    case 124: /* leak descriptors until there are none */
        for (int n = 0; n < 100000; n++)
            if (dup(0) < 0)
                break;
        return 0;
    case 125: /* an alarm that goes off later */
        signal(SIGALRM, SIG_DFL);
        alarm(1);
        return 0;
    default:
        strcpy(out, "no such test|");
        return -14;
    }
}

static long read_file(const char *name, char *into, size_t size)
{
    FILE *file = fopen(name, "rb");
    if (file == NULL)
        return -1;
    size_t count = fread(into, 1, size - 1, file);
    fclose(file);
    into[count] = 0;
    return (long)count;
}

/* The declared type is a 64-bit long with rubbish above: callers must take 32 bits. */
long iReadCardBas(int type, char *out)
{
    if (type < 1 || type > 4)
        return (long)(uint32_t)hostile(type, out) | ((long)0x5A5A << 32);
    if (read_file("basic.txt", out, OUT) < 0) {
        strcpy(out, "\xCE\xDE\xBF\xA8|");
        return -2;
    }
    return (long)0x5A5A << 32;
}

static int value_of(const char *records, const char *file, size_t file_size, const char *tag, char *out)
{
    for (const char *line = records; *line != 0;) {
        const char *end = strchr(line, '\n');
        size_t size = end != NULL ? (size_t)(end - line) : strlen(line);
        if (size > file_size + 4 && memcmp(line, file, file_size) == 0 && line[file_size] == '|'
            && memcmp(line + file_size + 1, tag, 2) == 0) {
            memcpy(out, line + file_size + 4, size - file_size - 4);
            out[size - file_size - 4] = 0;
            return 0;
        }
        line += size + (end != NULL);
    }
    return -27267;
}

int iReadCard(int type, int right, char *card, char *address, char *out)
{
    static char records[4096];
    char basic[OUT];
    (void)type;
    (void)right;
    if (read_file("basic.txt", basic, sizeof basic) < 0 || read_file("records.txt", records, sizeof records) < 0)
        return -2;
    char code[33] = {0};
    memcpy(code, card, 32);
    if (strstr(basic, code) == NULL)
        return -22;
    char *file = address, *to = out;
    while (*file != 0) {
        char *bar = strchr(file, '|');
        size_t file_size = (size_t)(bar - file);
        memcpy(to, file, file_size);
        to += file_size;
        *to++ = '|';
        for (bar++; *bar != '$'; bar += 3) {
            int code_of_value = value_of(records, file, file_size, bar, to);
            if (code_of_value != 0)
                return code_of_value;
            to += strlen(to);
            *to++ = '|';
        }
        *to++ = '$';
        *to = 0;
        file = bar + 1;
    }
    return 0;
}

int iVerifyPIN(int type, char *out)
{
    (void)out;
    return type == 1 ? 0 : type == 2 ? -51 : type == 3 ? -31 : -27011;
}

int iReadCardBas_HSM_Step1(int type, char *out)
{
    (void)type;
    strcpy(out, "639900|00814E43238697159900BF7C7A|03|639900D15600000500BF7C7A48FB4966|1111111111111111|"
                "2222222222222222|3333333333333333|4444444444444444|410100813475|");
    return 0;
}

/* The key must be what the test's host answers. */
int iReadCardBas_HSM_Step2(char *key, char *out)
{
    if (strcmp(key, "11111111111111112222222222222222|33333333333333334444444444444444|") != 0)
        return -25;
    return read_file("hsm.txt", out, OUT) < 0 ? -2 : 0;
}

/* A caller's buffer is 1024 bytes also where it only passes text in. */
int iDoDebit(int type, char *card, char *pay, char *out)
{
    (void)type;
    (void)card;
    memset(pay + strlen(pay) + 1, ' ', OUT - strlen(pay) - 1);
    strcpy(out, pay);
    return 0;
}
