"""The bodies of uploads: multipart is parsed before anything is touched, a plain body is written as it comes."""

import re

from archive import Refusal

PLAIN = ('application/octet-stream', 'text/plain', 'text/xml', 'application/xml', 'application/zip', 'application/pdf',
         'application/json', 'image/')


class Part:
    def __init__(self, name, data):
        self.name, self.data = name, data

    def write_to(self, place):
        with open(place, 'wb') as out:
            out.write(self.data)


class Stream:
    """A body that goes to its place as it arrives, so that what breaks off leaves a stump."""

    def __init__(self, name, request):
        self.name, self.request = name, request

    def write_to(self, place):
        with open(place, 'wb') as out:
            for piece in self.request.body():
                out.write(piece)


def parts_of(request):
    kind = request.headers.get('Content-Type', '')
    if kind.startswith('multipart/form-data') and not request.is_true('inbody'):
        boundary = re.search('boundary="?([^";]+)"?', kind)
        return list(multipart(b''.join(request.body()), boundary.group(1).encode('latin-1')))
    if kind.startswith(PLAIN) or request.is_true('inbody'):
        if request.length in (None, 0) and kind != 'application/zip':
            raise Refusal(500, 'The request entity size is %d but the media type is not application/zip'
                          % (-1 if request.length is None else 0))
        return [Stream(None, request)]
    if kind.startswith('application/x-www-form-urlencoded'):
        raise Refusal(500, 'the request was rejected because no multipart boundary was found')
    raise Refusal(400, 'You tried to PUT to a file resource: try inbody=true or multipart')


def multipart(data, boundary):
    """Parts with a file name; plain form fields are of no interest."""
    pieces = (b'\r\n' + data).split(b'\r\n--' + boundary)
    if len(pieces) < 3 or not pieces[-1].startswith(b'--'):
        raise Refusal(500, 'Processing of multipart/form-data request failed. Stream ended unexpectedly')
    for piece in pieces[1:-1]:
        head, _, content = piece.partition(b'\r\n\r\n')
        name = re.search(r'filename="((?:[^"\\]|\\.)*)"', head.decode('latin-1'))
        if name:
            yield Part(name.group(1).replace('\\', '/').rsplit('/', 1)[-1], content)
