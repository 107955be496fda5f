"""What tests may do behind the client's back: faults, expired sessions, changes on the disk, the log of requests."""

import hashlib
import json
import os
import re
import time

from answers import Answer, html_page

LOGIN_PAGE = (b'<!DOCTYPE html>\n<html><!-- BEGIN xnat-templates/screens/Login.vm -->\n<form name="form1" method="post">'
              b'<input type="text" name="username"><input type="password" name="password"></form></html>')


def answer(server, request):
    what = request.target[len('/__control/'):]
    body = b''.join(request.body())
    given = json.loads(body) if body else None
    if what == 'requests' and request.method == 'DELETE':
        server.log.clear()
        return Answer(200, b'')
    if what == 'requests':
        return json_answer(server.log)
    if what == 'faults' and request.method == 'GET':
        return json_answer(server.faults)
    if what == 'faults':
        server.faults[:] = [{'times': 1, **fault} for fault in given]
        return Answer(200, b'')
    if what == 'options':
        vars(server.options).update(given)
        return Answer(200, b'')
    if what == 'expire-sessions':
        server.sessions.expire()
        return Answer(200, b'')
    if what == 'sessions':
        return json_answer({'opened': server.sessions.opened, 'live': len(server.sessions.live)})
    if what == 'disk':
        return json_answer(disk(server, given))
    if what == 'files':
        return json_answer(files(server.archive))
    return Answer(404, b'')


def json_answer(value):
    return Answer(200, json.dumps(value).encode(), 'application/json')


def disk(server, given):
    """Changes a stored file without telling the catalog, or with `catalog` through it."""
    resource = next(known for known in all_resources(server.archive) if known.id == given['resource'])
    place = resource.place(given['path'])
    if given['action'] == 'remove':
        os.remove(place)
    elif given['action'] == 'truncate':
        os.truncate(place, given['sizeBytes'])
    elif given['action'] == 'write':
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, 'wb') as out:
            out.write(given['text'].encode())
    if given.get('later'):
        os.utime(place, (time.time() + given['later'],) * 2)
    if given.get('catalog'):
        server.archive.catalogue(resource, given['path'])
    return {}


def files(archive):
    """Everything that is catalogued and on the disk, by resource ID."""
    found = []
    for resource in all_resources(archive):
        paths = resource.legacy_paths() if resource.legacy else [entry.path for entry in resource.entries]
        for path in dict.fromkeys(paths):
            place = resource.place(path)
            if os.path.isfile(place):
                with open(place, 'rb') as stored:
                    data = stored.read()
                found.append({'resource': resource.id, 'label': resource.label, 'path': path, 'sizeBytes': len(data),
                              'md5': hashlib.md5(data).hexdigest()})
    return found


def all_resources(archive):
    for project in archive.projects.values():
        yield from project.resources
    for subject in archive.subjects.values():
        yield from subject.resources
    for experiment in archive.experiments.values():
        yield from experiment.resources
        for scan in experiment.scans:
            yield from scan.resources
        for sides in [experiment.sides, *[recon.sides for recon in experiment.reconstructions]]:
            yield from sides['in'] + sides['out']


# --- faults: {"match": pattern of "METHOD /path?query", "times": n, "kind": …} ---------------------------------------
def fault_for(faults, method, path):
    for fault in faults:
        if fault['times'] > 0 and re.search(fault['match'], '%s %s' % (method, path)):
            fault['times'] -= 1
            return fault
    return None


def instead(fault):
    """The answer that comes in place of the real one, if any."""
    kind = fault.get('kind')
    if kind == 'status':
        return Answer(fault['status'], html_page('Trouble', fault.get('sentence', 'Trouble')), 'text/html',
                      headers=fault.get('headers', []))
    if kind == 'maintenance':
        return Answer(503, html_page('Down', 'XNAT is starting up'), 'text/html', sized=False)
    if kind == 'html':
        return Answer(200, html_page('A proxy', 'Please accept our terms'), 'text/html', sized=False)
    if kind == 'nothing':
        return Answer(200, b'', 'text/plain;charset=ISO-8859-1')
    if kind == 'login':
        return Answer(200, LOGIN_PAGE, 'text/html;charset=UTF-8', sized=False)
    return None


def spoilt(answer, fault):
    """The real answer, damaged."""
    kind = (fault or {}).get('kind')
    if kind == 'lie':  # stored, but the receipt says it was not
        return Answer(500, html_page('Status page', 'NullPointerException'), 'text/html')
    if kind == 'flip' and answer.body:
        at = fault.get('atByte', 0) % len(answer.body)
        answer.body = answer.body[:at] + bytes([answer.body[at] ^ 255]) + answer.body[at + 1:]
    if kind == 'short':  # a well-formed answer that lacks its end
        answer.body = answer.body[:fault['afterBytes']]
    return answer
