"""
A second XNAT, written from the description of the wire and not from the client or its embedded server, for the client
to meet something that it was not made with. Python's standard library only.

    python3 server.py '{"context": "/xnat", "version": "1.8.11"}'

Prints one line of JSON when ready. `/__control` is for tests: the log of requests, faults, expired sessions, the disk.
"""

import gzip
import json
import random
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

import control
import sample
from answers import Answer, html_page, refusal_page
from archive import Archive, Refusal
from rest import Rest
from sessions import Sessions


class Options:
    """How this server differs from the next."""

    def __init__(self, given):
        self.context = given.get('context', '')
        self.version = given.get('version', '1.8.11')
        self.seed = given.get('seed', 1)
        self.checksums = given.get('checksums', True)
        self.sizes = given.get('sizes', True)
        self.counts = given.get('counts', True)
        # What is at the place of catalog documents: themselves, a 'page', or they are 'refused'.
        self.catalogs = given.get('catalogs', 'documents')
        # A proxy in front: 'ranges' are ignored, 'gzip' packs text though nobody asked for it, 'lengths' are lost, and the
        # 'types' of answers without a body.
        self.proxy = given.get('proxy', [])
        self.close = given.get('close', False)
        self.dribble_bytes = given.get('dribbleBytes', 0)
        # What a request without a valid session gets: 401, 302 to the log-in page, or that page with 200.
        self.expired = given.get('expired', '401')
        self.sticky_cookie = given.get('stickyCookie', False)
        self.stall_seconds = given.get('stallSeconds', 3)
        self.catalog_seconds = given.get('catalogSeconds', 0.005)
        numbers = [int(part) for part in self.version.split('.')]
        self.decodes = numbers >= [1, 8, 4]
        self.exact_delete = numbers < [1, 7, 6]


class Request:
    def __init__(self, handler, options):
        self.handler, self.method, self.headers = handler, handler.command, handler.headers
        target, _, query = handler.path.partition('?')
        self.target, self.query = target, dict(parse_qsl(query, keep_blank_values=True))
        self.ignores_ranges = 'ranges' in options.proxy
        self.accept = self.headers.get('Accept', '*/*')
        self.user, self.fault, self.segments = None, None, []
        length = self.headers.get('Content-Length')
        self.length = int(length) if length is not None else None
        self.is_body_read = False

    def accepts(self, type):
        kinds = [part.split(';')[0].strip() for part in self.accept.split(',')]
        return any(kind in ('*/*', type, type.split('/')[0] + '/*') for kind in kinds)

    def is_true(self, name):
        return name in self.query and self.query[name] not in ('false', '0')

    def swallow(self):
        """What nobody has read of a body, as Tomcat does: a client that is still sending would miss the answer."""
        if not self.is_body_read and (self.length or 0) < 2_000_000:
            list(self.body())

    def body(self):
        """The pieces of the body. An upload that breaks off is an error."""
        self.is_body_read = True
        source = self.handler.rfile
        if self.headers.get('Transfer-Encoding', '').lower() == 'chunked':
            while True:
                size = int(source.readline().split(b';')[0], 16)
                piece = source.read(size)
                source.readline()
                if size == 0:
                    return
                yield piece
        left = self.length or 0
        while left > 0:
            piece = source.read1(min(left, 65536))
            if not piece:
                raise ConnectionError('ClientAbortException')
            left -= len(piece)
            yield piece


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def handle_any(self):
        server = self.server
        request = Request(self, server.options)
        record = {'method': self.command, 'path': self.path, 'headers': dict(self.headers), 'status': None}
        if self.path.startswith('/__control/'):
            return self.send_plainly(control.answer(server, request))
        with server.lock:
            server.log.append(record)
            request.fault = control.fault_for(server.faults, self.command, self.path)
        cookies = []
        try:
            answer = self.answer_to(request, cookies)
        except Refusal as refusal:
            answer = refusal_page(refusal)
        except ConnectionError:
            self.close_connection = True
            return
        except Exception:
            traceback.print_exc()
            answer = Answer(500, html_page('Status page', 'NullPointerException'), 'text/html;charset=ISO-8859-1')
        record['status'] = answer.status
        try:
            request.swallow()
            self.send(control.spoilt(answer, request.fault), request, cookies)
        except ConnectionError:
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

    def answer_to(self, request, cookies):
        fault = request.fault or {}
        if fault.get('kind') == 'hang-up':
            raise ConnectionError
        if fault.get('kind') == 'cut-upload':
            next(iter(request.body()), None)
            raise ConnectionError
        before = control.instead(fault)
        if before is not None:
            return before
        options = self.server.options
        target = request.target
        if not target.startswith(options.context + '/'):
            raise Refusal(404, tomcat=True)
        target = target[len(options.context):]
        if '%2f' in target.lower() or '%5c' in target.lower() or any(c in target for c in '[]{}|"^\\ <>'):
            raise Refusal(400, 'Invalid character found in the request target', tomcat=True)
        return self.dispatch(request, normalised(target), cookies)

    def dispatch(self, request, target, cookies):
        sessions = self.server.sessions
        segments = target.split('/')[1:]
        if segments[0] == 'app':
            return Answer(200, control.LOGIN_PAGE, 'text/html;charset=UTF-8', sized=False)
        request.user, refused = sessions.identify(request, cookies)
        if refused is not None:
            return refused
        if segments[:3] == ['xapi', 'users', 'username']:
            return Answer(200, request.user.name.encode(), 'text/plain;charset=UTF-8', sized=False)
        if segments[:3] == ['xapi', 'siteConfig', 'buildInfo']:
            info = {'buildNumber': '7', 'version': self.server.options.version, 'commit': 'v' + self.server.options.version}
            return Answer(200, json.dumps(info).encode(), 'application/json', sized=False)
        if segments[:1] == ['xapi'] or segments[0] not in ('data', 'REST'):
            raise Refusal(404, tomcat=True)
        segments = segments[1:]
        if segments[:1] == ['archive']:
            segments = segments[1:]
        if segments[:1] == ['JSESSION']:
            return sessions.own(request)
        if segments[:1] == ['auth']:
            return Answer(200, ("User '%s' is logged in" % request.user.name).encode(), 'text/plain')
        if segments[:1] == ['version']:
            return Answer(200, self.server.options.version.encode(), 'text/plain')
        request.segments = segments
        return self.server.rest.answer(request)

    # --- sending ----------------------------------------------------------------------------------------------------
    def send(self, answer, request, cookies):
        options = self.server.options
        fault = request.fault or {}
        body, sized, headers = answer.body, answer.sized, list(answer.headers)
        is_text = (answer.type or '').startswith(('text/', 'application/json'))
        if 'gzip' in options.proxy and is_text and body and answer.status == 200 and request.method == 'GET':
            body, sized = gzip.compress(body), False
            headers.append(('Content-Encoding', 'gzip'))
        if 'types' in options.proxy and not body:
            answer.type = None
        if 'lengths' in options.proxy and answer.is_file:
            sized = False
        promised = len(body) if answer.promised is None else answer.promised
        if not request.is_body_read and request.length:
            self.close_connection = True  # an error before the body was read
        if options.close or (not sized and self.request_version == 'HTTP/1.0'):
            self.close_connection = True
        self.send_response_only(answer.status)
        self.send_header('Date', self.date_time_string())
        self.send_header('Server', 'Noelios-Restlet-Engine/1.1.10')
        for cookie in cookies:
            self.send_header('Set-Cookie', cookie)
        self.send_header('Set-Cookie', 'SESSION_EXPIRATION_TIME=%d,900000; Path=%s/' % (time.time() * 1000, options.context))
        if answer.type is not None:
            self.send_header('Content-Type', answer.type)
        for name, value in headers:
            self.send_header(name, value)
        is_chunked = not sized and not options.close
        if sized:
            self.send_header('Content-Length', str(promised))
        elif is_chunked:
            self.send_header('Transfer-Encoding', 'chunked')
        if self.close_connection:
            self.send_header('Connection', 'close')
        self.end_headers()
        if request.method == 'HEAD' or answer.status == 304:
            return
        self.send_body(body, is_chunked, fault)
        if sized and promised > len(body):
            self.wfile.flush()
            time.sleep(options.stall_seconds)
            self.close_connection = True
        elif sized and promised < len(body):
            self.close_connection = True

    def send_plainly(self, answer):
        self.send_response_only(answer.status)
        self.send_header('Content-Length', str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def send_body(self, body, is_chunked, fault):
        step = self.server.options.dribble_bytes or 1 << 16
        cut = fault.get('afterBytes') if fault.get('kind') == 'cut' else None
        for start in range(0, len(body), step):
            piece = body[start:start + step]
            if cut is not None and start + len(piece) > cut:
                self.write_piece(piece[:max(0, cut - start)], is_chunked)
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                raise ConnectionError
            self.write_piece(piece, is_chunked)
            if self.server.options.dribble_bytes:
                time.sleep(0.001)
        if is_chunked:
            self.wfile.write(b'0\r\n\r\n')

    def write_piece(self, piece, is_chunked):
        if piece:
            self.wfile.write(b'%x\r\n%s\r\n' % (len(piece), piece) if is_chunked else piece)

    def log_message(self, *_):
        pass


def normalised(target):
    """Restlet resolves dot segments before it looks for a route."""
    kept = []
    for segment in target.split('/'):
        if segment == '..':
            kept = kept[:-1] or ['']
        elif segment != '.':
            kept.append(segment)
    return '/'.join(kept)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, options, root):
        super().__init__(('127.0.0.1', 0), Handler)
        self.options, self.lock = options, threading.Lock()
        self.log, self.faults = [], []
        self.archive = Archive(root, options)
        sample.build(self.archive)
        self.rest = Rest(self.archive)
        self.sessions = Sessions(options, random.Random(options.seed))

    def handle_error(self, *_):
        pass  # clients that hang up are nothing to tell of


def main():
    given = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
    root = tempfile.mkdtemp(prefix='other-xnat-')
    try:
        server = Server(Options(given), root)
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        print(json.dumps({'url': 'http://127.0.0.1:%d%s' % (server.server_address[1], server.options.context)}), flush=True)
        server.serve_forever(poll_interval=0.05)
    finally:
        shutil.rmtree(root)


if __name__ == '__main__':
    main()
