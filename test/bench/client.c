// What the bench does to a mount: one task a run, its seconds on standard output.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char buffer[1024 * 1024] __attribute__((aligned(4096)));

static void die(const char *what) {
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void sequential(const char *path, size_t part) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) die(path);
  ssize_t got;
  while ((got = read(fd, buffer, part)) > 0);
  if (got < 0) die("read");
  close(fd);
}

static void at_random(const char *path, int flags, long count) {
  int fd = open(path, O_RDONLY | flags);
  if (fd < 0) die(path);
  struct stat st;
  fstat(fd, &st);
  unsigned long state = 1;
  for (long i = 0; i < count; i++) {
    state = state * 6364136223846793005UL + 1442695040888963407UL;
    if (pread(fd, buffer, 4096, (state >> 20) % (st.st_size / 4096) * 4096) != 4096) die("pread");
  }
  close(fd);
}

static void small_files(const char *directory, int count) {
  for (int i = 0; i < count; i++) {
    char path[4096];
    snprintf(path, sizeof path, "%s/file-%d", directory, i);
    sequential(path, sizeof buffer);
  }
}

// By so many processes at once, all of them.
static void small_files_by(int readers, const char *directory, int count) {
  for (int i = 0; i < readers; i++) {
    const pid_t pid = fork();
    if (pid < 0) die("fork");
    if (pid > 0) continue;
    small_files(directory, count);
    _exit(0);
  }
  for (int i = 0; i < readers; i++) {
    int status;
    if (wait(&status) < 0 || status != 0) die("wait");
  }
}

static void fill(const char *path, long bytes) {
  int fd = open(path, O_WRONLY | O_TRUNC);
  if (fd < 0) die(path);
  for (; bytes > 0; bytes -= sizeof buffer)
    if (write(fd, buffer, sizeof buffer) != sizeof buffer) die("write");
  if (close(fd) != 0) die("close");
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  const char *task = argv[1], *path = argv[2];
  const double start = now();
  if (!strcmp(task, "sequential")) sequential(path, sizeof buffer);
  else if (!strcmp(task, "random-direct")) at_random(path, O_DIRECT, 20000);
  else if (!strcmp(task, "random-warm")) at_random(path, 0, 200000);
  else if (!strcmp(task, "small")) small_files(path, 2000);
  else if (!strcmp(task, "small-by-four")) small_files_by(4, path, 2000);
  else if (!strcmp(task, "write")) fill(path, 512L * 1024 * 1024);
  else return 2;
  printf("%.6f\n", now() - start);
  return 0;
}
