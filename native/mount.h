// Mounting and unmounting, as root or as an ordinary user.
//
// fusermount3 mounts, hands the file descriptor over, and stays as the «guard»: it waits on a socket, and when that is
// closed, by us or by the kernel because we were killed, it takes the mount away. So no death of the process leaves
// a dead mount. Where fusermount3 is missing root mounts by itself, without a guard.
#pragma once

#include <sys/types.h>

#include <string>

namespace xnatfs {

struct MountPlan {
  std::string mountpoint;
  std::string source;
  bool isReadOnly = false;
  bool allowOther = false;
};

struct Mounted {
  int fd = -1;
  int guardSocket = -1;
  pid_t guardPid = -1;
  std::string error;  // in words for the user; empty on success
};

Mounted mountFuse(const MountPlan& plan);

// Whether the kernel still has the connection.
bool isConnected(int fd);

// After the file descriptor is closed: takes away what may still be mounted, and waits for the guard.
void releaseMount(const MountPlan& plan, Mounted& mounted, bool wasConnected);

}  // namespace xnatfs
