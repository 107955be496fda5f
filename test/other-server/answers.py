"""Answers and the way files are answered: Restlet's ranges, its stall beyond the end of a file included."""

import os
import re
from email.utils import formatdate, parsedate_to_datetime

TYPES = {'bmp': 'image/bmp', 'gif': 'image/gif', 'html': 'text/html', 'jpg': 'image/jpeg', 'jpeg': 'image/jpeg',
         'pdf': 'application/pdf', 'png': 'image/png', 'svg': 'image/svg+xml', 'tiff': 'image/tiff',
         'txt': 'text/plain', 'xml': 'text/xml'}


class Answer:
    """`promised`: the Content-Length that is announced, where it is not that of the body."""

    def __init__(self, status, body=b'', type='text/plain', sized=True, headers=(), promised=None):
        self.status, self.body, self.type, self.sized = status, body, type, sized
        self.headers, self.promised, self.is_file = list(headers), promised, False


def html_page(title, sentence):
    return ('<html>\n<head>\n   <title>%s</title>\n</head>\n<body>\n<h3>%s</h3>\n</body>\n</html>\n'
            % (title, sentence)).encode('latin-1', 'replace')


def refusal_page(refusal):
    if refusal.tomcat:
        page = '<!doctype html><html lang="en"><head><title>HTTP Status %d</title></head><body><h1>HTTP Status %d' \
               ' – Not Found</h1></body></html>' % (refusal.status, refusal.status)
        return Answer(refusal.status, page.encode(), 'text/html;charset=utf-8')
    return Answer(refusal.status, html_page('Status page', refusal.sentence), 'text/html;charset=ISO-8859-1')


def file_answer(place, request):
    if request.accept != '*/*' and not request.accepts('application/json') and not request.accepts('text/html'):
        return Answer(406, html_page('Status page', 'Not Acceptable'), 'text/html;charset=ISO-8859-1')
    with open(place, 'rb') as stored:
        data = stored.read()
    modified = int(os.path.getmtime(place))
    since = request.headers.get('If-Modified-Since')
    if since and parsedate_to_datetime(since).timestamp() >= modified:
        return Answer(304, b'', None)
    name = os.path.basename(place)
    headers = [
        ('Last-Modified', formatdate(modified, usegmt=True)), ('Accept-Ranges', 'bytes'),
        ('Cache-Control', 'must-revalidate'),
        ('Content-Disposition', 'attachment; filename="%s";' % name.encode('utf8').decode('latin-1')),
        ('Vary', 'Accept-Charset, Accept-Encoding, Accept-Language, Accept'),
    ]
    kind = TYPES.get(name.rsplit('.', 1)[-1], 'application/octet-stream')
    answer = Answer(200, data, kind, headers=headers)
    answer.is_file = True
    asked = request.headers.get('Range')
    return answer if asked is None or request.ignores_ranges else ranged(answer, asked)


def ranged(answer, asked):
    """What Restlet 1.1 makes of a Range header: never 416."""
    size = len(answer.body)
    if not asked.startswith('bytes=') or size == 0:
        return answer
    if ',' in asked:
        return Answer(501, html_page('Status page', 'Multiple ranges'), 'text/html;charset=ISO-8859-1')
    match = re.fullmatch(r'bytes=(\d*)-(\d*)', asked)
    first, last = (match.group(1), match.group(2)) if match else ('0', '-1')
    if first == '':
        length = int(last)
        start = max(0, size - length)
    else:
        start = int(first)
        length = (int(last) if last else size - 1) - start + 1
    answer.status, answer.body = 206, answer.body[start:start + max(0, length)]
    answer.promised = length
    answer.headers.append(('Content-Range', 'bytes %d-%d/%d' % (start, start + length - 1, size)))
    return answer
