"""Who is asking: Basic log-ins that open a session each, cookies, and sessions that end."""

import base64
import threading

from answers import Answer
from control import LOGIN_PAGE


class User:
    def __init__(self, name, password, role):
        self.name, self.password, self.role = name, password, role

    def can_read(self, project):
        return project != 'SECRET'

    def can_edit(self, project):
        return self.role == 'owner' and project != 'SECRET'


USERS = {user.name: user for user in (User('mia', 'geheim ä:1', 'owner'), User('rita', 'lesen', 'reader'),
                                      User('otto', 'plain-ascii', 'owner'))}


class Sessions:
    def __init__(self, options, random):
        self.options, self.random = options, random
        self.lock = threading.Lock()
        self.live, self.opened = {}, 0

    def identify(self, request, cookies):
        """@returns the user, or the answer that refuses"""
        sent = dict(pair.strip().split('=', 1) for pair in request.headers.get('Cookie', '').split(';') if '=' in pair)
        known = self.live.get(sent.get('JSESSIONID'))
        if known is not None and (not self.options.sticky_cookie or sent.get('NODE') == known[1]):
            request.session = sent['JSESSIONID']
            return known[0], None
        basic = request.headers.get('Authorization', '')
        if basic.startswith('Basic '):
            name, _, password = base64.b64decode(basic[6:]).decode('utf8', 'replace').partition(':')
            user = USERS.get(name)
            if user is None or user.password != password:
                return None, self.refusal('Bad credentials')
            request.session = self.open(user, cookies)
            return user, None
        return None, self.logged_out(request)

    def open(self, user, cookies):
        with self.lock:
            id = '%032X' % self.random.getrandbits(128)
            node = 'n%d' % self.random.randrange(1000)
            self.live[id] = (user, node)
            self.opened += 1
        cookies.append('JSESSIONID=%s; Path=%s; HttpOnly' % (id, self.options.context or '/'))
        if self.options.sticky_cookie:
            cookies.append('NODE=%s; Path=/' % node)
        return id

    def own(self, request):
        if request.method == 'DELETE':
            self.live.pop(request.session, None)
            return Answer(200, b'', None)
        return Answer(200, request.session.encode(), 'text/plain')

    def expire(self):
        self.live.clear()

    def refusal(self, sentence):
        page = '<html><head><title>HTTP Status 401</title></head><body><p><b>Message</b> %s</p></body></html>' % sentence
        return Answer(401, page.encode(), 'text/html;charset=utf-8', headers=[('WWW-Authenticate', 'Basic realm="other"')])

    def logged_out(self, request):
        if self.options.expired == '302':
            return Answer(302, b'', None, headers=[('Location', self.options.context + '/app/template/Login.vm')])
        if self.options.expired == '200':
            return Answer(200, LOGIN_PAGE, 'text/html;charset=UTF-8', sized=False)
        return self.refusal('Full authentication is required to access this resource')
