"""What the server keeps: projects, subjects, experiments and their resources, with the bytes in a folder on disk."""

import hashlib
import os
import random
import threading
import time
from urllib.parse import unquote_plus

ARCHIVE_SUFFIXES = ('zip', 'jar', 'rar', 'ear', 'gar', 'mrb')


class Refusal(Exception):
    """An error status with the sentence XNAT says. `tomcat`: the page is Tomcat's own, not Restlet's."""

    def __init__(self, status, sentence='', tomcat=False):
        super().__init__(sentence)
        self.status, self.sentence, self.tomcat = status, sentence, tomcat


class Holder:
    """Anything that has resources of its own."""

    def __init__(self):
        self.resources = []


class Project(Holder):
    def __init__(self, id, readable=True):
        super().__init__()
        self.id, self.label, self.readable = id, id, readable


class Subject(Holder):
    def __init__(self, id, label, project):
        super().__init__()
        self.id, self.label, self.project, self.shares = id, label, project, {}


class Experiment(Holder):
    """A session, another subject assessor, or (with `session`) an image assessor."""

    def __init__(self, id, label, project, subject, xsi_type, session=None):
        super().__init__()
        self.id, self.label, self.project, self.subject = id, label, project, subject
        self.xsi_type, self.session, self.shares = xsi_type, session, {}
        self.scans, self.reconstructions = [], []
        self.sides = {'in': [], 'out': []}

    @property
    def is_session(self):
        return self.xsi_type.endswith('SessionData') or self.xsi_type.endswith('Sessions')


class Scan(Holder):
    def __init__(self, id, type, xsi_type='xnat:mrScanData'):
        super().__init__()
        self.id, self.type, self.xsi_type = id, type, xsi_type


class Reconstruction:
    def __init__(self, id, type):
        self.id, self.type, self.sides = id, type, {'in': [], 'out': []}


class Entry:
    def __init__(self, uri, size, digest, when):
        self.uri, self.id, self.cache_path, self.size, self.digest = uri, uri, uri, size, digest
        self.created, self.modified = when, None

    @property
    def path(self):
        """What listings and URLs call it: entries that lie elsewhere go by their cachePath or ID."""
        elsewhere = self.uri.startswith('/') or '://' in self.uri
        return (self.cache_path or self.id) if elsewhere else self.uri


class Resource:
    def __init__(self, id, label, folder, format='', content='', legacy=False, flavour='plain'):
        self.id, self.label, self.folder = id, label, folder
        self.format, self.content, self.legacy, self.flavour = format, content, legacy, flavour
        self.entries, self.revision, self.counts = [], 0, None
        os.makedirs(folder, exist_ok=True)

    def place(self, path):
        return os.path.join(self.folder, *[part for part in path.split('/') if part])

    def on_disk(self, path):
        """The file that would be served: `x.gz` where `x` is missing."""
        place = self.place(path)
        if os.path.isfile(place):
            return place
        return place + '.gz' if os.path.isfile(place + '.gz') else None

    def legacy_paths(self):
        found = []
        for folder, _, names in os.walk(self.folder):
            found += [os.path.relpath(os.path.join(folder, name), self.folder) for name in names]
        return found


class Archive:
    def __init__(self, root, options):
        self.root, self.options = root, options
        self.projects, self.subjects, self.experiments = {}, {}, {}
        self.lock = threading.RLock()
        self.random = random.Random(options.seed)
        self.next_resource, self.next_id = 100, 1

    # --- making -----------------------------------------------------------------------------------------------------
    def accession(self, kind):
        self.next_id += 1
        return 'OTHER_%s%05d' % (kind, self.next_id)

    def add_subject(self, project, label):
        subject = Subject(self.accession('S'), label, project.id)
        self.subjects[subject.id] = subject
        return subject

    def add_experiment(self, subject, label, xsi_type='xnat:mrSessionData', session=None):
        experiment = Experiment(self.accession('E'), label, subject.project, subject.id, xsi_type,
                                session and session.id)
        self.experiments[experiment.id] = experiment
        return experiment

    def add_resource(self, into, label, **more):
        with self.lock:
            self.next_resource += 7
            id = str(self.next_resource)
            resource = Resource(id, label, os.path.join(self.root, id), **more)
            into.append(resource)
            return resource

    def put(self, resource, path, data, catalogued=True):
        """Writes a file as an import does, without any of the checks of REST."""
        place = resource.place(path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, 'wb') as out:
            out.write(data)
        if catalogued:
            self.catalogue(resource, path)

    def catalogue(self, resource, path):
        place = resource.place(path)
        if resource.legacy:
            return
        with open(place, 'rb') as stored:
            digest = hashlib.md5(stored.read()).hexdigest()
        size = os.path.getsize(place) if self.options.sizes else None
        digest = digest if self.options.checksums else None
        known = next((entry for entry in resource.entries if entry.path == path), None)
        if known:
            known.size, known.digest, known.modified = size, digest, time.time()
        else:
            resource.entries.append(Entry(path, size, digest, time.time()))
        resource.revision += 1

    # --- finding ----------------------------------------------------------------------------------------------------
    def labels_in(self, project_id, items):
        """(item, label) of everything a project has, its own and what is shared into it."""
        for item in list(items.values()):
            if item.project == project_id:
                yield item, item.label
            elif project_id in item.shares:
                yield item, item.shares[project_id]

    def find(self, items, key, project_id):
        """By ID or by the label in that project; `key` is raw URL text."""
        key = escape_xml(key)
        if project_id is None:
            return items.get(key)
        inside = list(self.labels_in(project_id, items))
        by_id = [item for item, _ in inside if item.id == key]
        return (by_id + [item for item, label in inside if label == key] + [None])[0]

    # --- files ------------------------------------------------------------------------------------------------------
    def decoded(self, path):
        """XNAT before 1.8.4 took the path of a URL as it is; since then it decodes all of it or nothing."""
        if self.options.decodes and ('%20' in path or '%2B' in path):
            return unquote_plus(path)
        return path

    def find_entry(self, resource, path):
        """The stored path a URL path means, or None. Raw text first, then decoded, then by entry ID."""
        path = self.decoded(path)
        if resource.legacy:
            return next((known for known in resource.legacy_paths() if known in (path, unquote_plus(path))), None)
        for wanted in (path, unquote_plus(path)):
            for entry in resource.entries:
                if entry.path == wanted:
                    return entry.path
        return next((entry.path for entry in resource.entries if entry.id == path), None)

    def store(self, resource, path, write, overwrite):
        """@returns the paths that exist already, and so were not written"""
        path = self.decoded(path)
        name = path.rsplit('/', 1)[-1]
        if name.endswith('_catalog.xml') or name.startswith('.~lock-'):
            raise Refusal(500, 'XNAT cannot catalog ' + name)
        seen = resource.revision
        place = resource.place(path)
        if os.path.isdir(place):
            raise Refusal(500, place + ' (Is a directory)')
        if os.path.exists(place) and not overwrite:
            return [path]
        try:
            os.makedirs(os.path.dirname(place), exist_ok=True)
        except OSError:
            raise Refusal(500, 'Failed to create required directory: ' + os.path.dirname(place))
        write(place)
        time.sleep(self.options.catalog_seconds)
        with self.lock:
            if resource.revision != seen:
                raise Refusal(500, 'Another thread or process modified %s_catalog.xml since I last read it. '
                                   'To prevent overwriting changes, I will throw an exception.' % resource.label)
            self.catalogue(resource, path)
            resource.counts = None
        return []

    def delete(self, resource, path):
        path = self.decoded(path)
        with self.lock:
            if resource.legacy:
                gone = [known for known in resource.legacy_paths() if self.is_within(known, path)]
            else:
                gone = [entry.path for entry in resource.entries if self.is_within(entry.path, path)]
            resource.entries = [entry for entry in resource.entries if entry.path not in gone]
            resource.revision += 1
            for known in gone:
                place = resource.place(known)
                if os.path.exists(place):
                    os.remove(place)
                folder = os.path.dirname(place)
                while folder != resource.folder and os.path.isdir(folder) and not os.listdir(folder):
                    os.rmdir(folder)
                    folder = os.path.dirname(folder)
        if not gone:
            raise Refusal(404, 'File not found')

    def is_within(self, known, path):
        if self.options.exact_delete:
            return known == path
        return known.startswith(path.rstrip('*') if path.endswith('*') else path)


def escape_xml(text):
    for character, name in (('&', 'amp'), ('<', 'lt'), ('>', 'gt'), ('"', 'quot'), ("'", 'apos')):
        text = text.replace(character, '&%s;' % name)
    return text
