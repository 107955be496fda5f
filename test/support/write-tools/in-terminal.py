"""Runs a program in a terminal of its own: in-terminal.py TEXT KEYS [TEXT KEYS ...] -- PROGRAM [PARAMETER ...]

Waits until TEXT is on the screen, types KEYS (^X is a control key), and so on; then waits for the program's end.
"""

import fcntl
import os
import pty
import signal
import struct
import sys
import termios

steps, command = sys.argv[1 : sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1 :]
child, terminal = pty.fork()
if child == 0:
    # Before the program looks: one that meets a new size while it runs begins again, and forgets what was typed.
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    os.environ["TERM"] = "xterm"
    os.execvp(command[0], command)

signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
signal.alarm(20)
screen = b""
while True:
    try:
        read = os.read(terminal, 65536)
    except OSError:  # how a terminal says that nobody has it open any more
        break
    if not read:
        break
    screen += read
    if steps and steps[0].encode() in screen:
        text, keys, *steps = steps
        screen = b""
        os.write(terminal, bytes([ord(keys[1]) ^ 64]) if keys[0] == "^" else keys.encode())
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
if steps:
    sys.exit(f"'{steps[0]}' was never on the screen, at the end of which was: {screen!r}")
sys.exit(status)
