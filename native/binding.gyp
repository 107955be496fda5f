{
  "targets": [
    {
      "target_name": "xnatfs_fuse",
      "sources": ["addon.cc", "digest.cc", "job.cc", "mount.cc", "notifier.cc", "operations.cc", "passthrough.cc", "replies.cc", "requests.cc", "served-files.cc", "session.cc", "shared-opens.cc", "turn.cc", "values.cc", "whole-files.cc"],
      "defines": ["NAPI_VERSION=8", "_FILE_OFFSET_BITS=64"],
      "cflags": ["<!@(pkg-config --cflags fuse3)", "-Wall", "-Wextra"],
      # glibc ends a thread by unwinding its stack, which needs the tables that -fexceptions makes.
      "cflags_cc": ["-std=c++17", "-fexceptions"],
      "cflags_cc!": ["-fno-exceptions", "-std=gnu++17"],
      "libraries": ["<!@(pkg-config --libs fuse3)"]
    }
  ]
}
