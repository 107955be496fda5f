#include "mount.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <vector>

#include "protocol.h"

extern char** environ;

namespace xnatfs {
namespace {

// fusermount3 answers in milliseconds, or it hangs on something that will not come.
constexpr int kHelperTimeoutMs = 20'000;
constexpr int kGuardTimeoutMs = 5'000;
constexpr int kHelperSocket = 3;

std::string because(const char* what) { return std::string(what) + ": " + strerror(errno); }

// In a list of mount options.
std::string escaped(const std::string& value) {
  std::string result;
  for (const char c : value) {
    if (c == ',' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

bool waitFor(int fd, int timeoutMs) {
  pollfd one{fd, POLLIN, 0};
  int ready;
  do ready = poll(&one, 1, timeoutMs);
  while (ready < 0 && errno == EINTR);
  return ready > 0;
}

int receiveDescriptor(int socket) {
  if (!waitFor(socket, kHelperTimeoutMs)) return -1;
  char byte;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got;
  do got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got <= 0) return -1;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (!header || header->cmsg_type != SCM_RIGHTS) return -1;
  int fd;
  memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return fd;
}

// What the helper said when it failed.
std::string readAll(int fd) {
  std::string text;
  char part[512];
  while (text.size() < 4096 && waitFor(fd, 1000)) {
    const ssize_t got = read(fd, part, sizeof part);
    if (got <= 0) break;
    text.append(part, static_cast<size_t>(got));
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// @returns false when it had to be left behind
bool reap(pid_t pid, int timeoutMs) {
  for (int waitedMs = 0;; waitedMs += 2) {
    const pid_t ended = waitpid(pid, nullptr, WNOHANG);
    if (ended == pid || (ended < 0 && errno != EINTR)) return true;
    if (waitedMs >= timeoutMs) return false;
    const timespec pause{0, 2'000'000};
    nanosleep(&pause, nullptr);
  }
}

struct Pair {
  int ours = -1, theirs = -1;
  ~Pair() {
    if (ours >= 0) close(ours);
    if (theirs >= 0) close(theirs);
  }
};

std::string helperOptions(const MountPlan& plan) {
  std::string options = plan.isReadOnly ? "ro" : "rw";
  options += ",nosuid,nodev,subtype=xnatfs,auto_unmount,max_read=" + std::to_string(kMaxTransfer);
  if (plan.allowOther) options += ",allow_other,default_permissions";
  return options + ",fsname=" + escaped(plan.source);
}

// @returns an errno; 0 when it was started
int startHelper(const MountPlan& plan, int socket, int errors, pid_t* pid) {
  const std::string options = helperOptions(plan);
  const char* argv[] = {"fusermount3", "-o", options.c_str(), "--", plan.mountpoint.c_str(), nullptr};
  std::string variable = "_FUSE_COMMFD=" + std::to_string(kHelperSocket);
  std::vector<char*> env;
  for (char** one = environ; *one; one++) env.push_back(*one);
  env.push_back(variable.data());
  env.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_RDWR, 0);
  posix_spawn_file_actions_adddup2(&actions, errors, 2);
  posix_spawn_file_actions_adddup2(&actions, socket, kHelperSocket);
  const int result = posix_spawnp(pid, argv[0], &actions, nullptr, const_cast<char**>(argv), env.data());
  posix_spawn_file_actions_destroy(&actions);
  return result;
}

Mounted mountByHelper(const MountPlan& plan, bool* isMissing) {
  Mounted mounted;
  Pair channel, errors;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    mounted.error = because("no socket for fusermount3");
    return mounted;
  }
  channel.ours = ends[0];
  channel.theirs = ends[1];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    mounted.error = because("no pipe for fusermount3");
    return mounted;
  }
  errors.ours = ends[0];
  errors.theirs = ends[1];
  const int failure = startHelper(plan, channel.theirs, errors.theirs, &mounted.guardPid);
  if (failure != 0) {
    *isMissing = failure == ENOENT;
    mounted.guardPid = -1;
    mounted.error = std::string("the program fusermount3 cannot be started: ") + strerror(failure);
    return mounted;
  }
  close(channel.theirs);
  close(errors.theirs);
  channel.theirs = errors.theirs = -1;
  mounted.fd = receiveDescriptor(channel.ours);
  if (mounted.fd < 0) {
    mounted.error = readAll(errors.ours);
    if (mounted.error.empty()) mounted.error = "fusermount3 did not mount, and did not say why";
    close(channel.ours);
    channel.ours = -1;
    reap(mounted.guardPid, kGuardTimeoutMs);
    mounted.guardPid = -1;
    return mounted;
  }
  mounted.guardSocket = channel.ours;
  channel.ours = -1;
  return mounted;
}

// As root, where there is no fusermount3.
Mounted mountDirectly(const MountPlan& plan) {
  Mounted mounted;
  mounted.fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (mounted.fd < 0) {
    mounted.error = because("/dev/fuse");
    return mounted;
  }
  std::string options = "fd=" + std::to_string(mounted.fd) + ",rootmode=40000,user_id=" + std::to_string(getuid()) +
                        ",group_id=" + std::to_string(getgid()) + ",max_read=" + std::to_string(kMaxTransfer);
  if (plan.allowOther) options += ",allow_other,default_permissions";
  const unsigned long flags = MS_NOSUID | MS_NODEV | (plan.isReadOnly ? MS_RDONLY : 0);
  if (mount(plan.source.c_str(), plan.mountpoint.c_str(), "fuse.xnatfs", flags, options.c_str()) == 0) return mounted;
  mounted.error = because("mount");
  close(mounted.fd);
  mounted.fd = -1;
  return mounted;
}

}  // namespace

Mounted mountFuse(const MountPlan& plan) {
  bool isMissing = false;
  Mounted mounted = mountByHelper(plan, &isMissing);
  return isMissing && geteuid() == 0 ? mountDirectly(plan) : mounted;
}

bool isConnected(int fd) {
  pollfd one{fd, 0, 0};
  return fd >= 0 && poll(&one, 1, 0) >= 0 && (one.revents & POLLERR) == 0;
}

void releaseMount(const MountPlan& plan, Mounted& mounted, bool wasConnected) {
  if (mounted.guardSocket >= 0) {
    close(mounted.guardSocket);
    reap(mounted.guardPid, kGuardTimeoutMs);
  } else if (wasConnected) {
    umount2(plan.mountpoint.c_str(), MNT_DETACH);
  }
  mounted = Mounted{};
}

}  // namespace xnatfs
