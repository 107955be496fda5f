"""From a URL to an answer: the routes of /data, as forgiving and as treacherous as Restlet's."""

import io
import json
import os
import re
import time
import zipfile
from urllib.parse import unquote

from archive import ARCHIVE_SUFFIXES, Refusal, Resource, escape_xml
from answers import Answer, file_answer, html_page
from tables import (catalog_xml, experiment_row, file_rows, item_json, pick, resource_row, scan_row, subject_row,
                    table_csv, table_json)
from uploads import parts_of

HOLDERS = ('project', 'subject', 'experiment', 'scan', 'reconstruction', 'assessor')
ALWAYS = ('URI', 'xnat:subjectassessordata/id', 'xnat_imagescandata_id')


class Address:
    def __init__(self):
        self.project = self.subject = self.experiment = self.scan = None
        self.reconstruction = self.assessor = self.side = self.resource = None
        self.path, self.kind, self.tail = None, None, []


def parse(segments):
    """The best route that begins like the path; the rest is `tail`. None: no route at all."""
    address, rest = Address(), list(segments)
    if rest and rest[0].startswith('projects') and (rest[0] != 'projects' or rest[1:] in ([], [''])):
        address.kind = 'projects'
    elif rest[:1] == ['projects']:
        address.project, rest = rest[1], rest[2:]
        if rest[:1] == ['subjects']:
            in_subjects(address, rest)
        elif rest[:1] == ['experiments']:
            list_or(address, 'experiments', 'experiment', rest)
        else:
            holder(address, 'project', rest)
    elif rest[:1] == ['subjects']:
        list_or(address, 'subjects', 'subject', rest)
    elif rest[:1] == ['experiments']:
        in_experiments(address, rest)
    else:
        return None
    return address


def list_or(address, plural, singular, rest):
    if rest[1:] in ([], ['']):
        address.kind = plural
        return False
    setattr(address, singular, rest[1])
    holder(address, singular, rest[2:])
    return True


def in_subjects(address, rest):
    if list_or(address, 'subjects', 'subject', rest) and rest[2:3] == ['experiments']:
        in_experiments(address, rest[2:])


def in_experiments(address, rest):
    address.tail = []
    if not list_or(address, 'experiments', 'experiment', rest):
        return
    for plural, singular in (('scans', 'scan'), ('reconstructions', 'reconstruction'), ('assessors', 'assessor')):
        if rest[2:3] != [plural]:
            continue
        address.tail = []
        if list_or(address, plural, singular, rest[2:]) and rest[4:5] in (['in'], ['out']) and singular != 'scan':
            address.side, address.tail = rest[4], []
            holder(address, singular, rest[5:])


def holder(address, kind, rest):
    address.kind = kind
    if rest[:1] == ['resources']:
        if rest[1:] in ([], ['']):
            address.kind = 'resources'
            return
        address.resource, address.kind = rest[1], 'resource'
        rest = rest[2:]
        if rest[:1] != ['files']:
            address.tail = [part for part in rest if part]
            return
    # There is no short-cut to the files of an experiment that is addressed by its project only.
    if rest[:1] == ['files'] and not (kind == 'experiment' and address.project and not address.subject
                                      and address.resource is None):
        address.kind, address.path = 'files', '/'.join(rest[1:])
    else:
        address.tail = [part for part in rest if part]


class Rest:
    def __init__(self, archive):
        self.archive = archive
        self.options = archive.options

    def answer(self, request):
        address = parse(request.segments)
        if address is None:
            raise Refusal(404, 'The server has not found anything matching the request URI', tomcat=True)
        self.resolve(address, request)
        if request.method in ('GET', 'HEAD'):
            return self.read(address, request)
        if request.method in ('PUT', 'POST'):
            return self.write(address, request)
        if request.method == 'DELETE':
            return self.remove(address, request)
        raise Refusal(405, 'Method Not Allowed')

    # --- who is meant -----------------------------------------------------------------------------------------------
    def resolve(self, address, request):
        """Sets `address.owners` = [(holder name, item, resources)] and the items on the way; unknown project: 404."""
        archive, user = self.archive, request.user
        address.item = address.owner = None
        address.owners = []
        if address.project is not None:
            project = archive.projects.get(escape_xml(address.project))
            is_new = request.method == 'PUT' and address.kind == 'project'
            if (project is None or not user.can_read(project.id)) and not is_new:
                raise Refusal(404, 'Unable to identify project ' + address.project)
            address.owner = project
        address.subject_item = self.one(archive.subjects, address.subject, address, user)
        address.experiment_item = self.one(archive.experiments, address.experiment, address, user)
        address.owners = self.owners(address, request)

    def one(self, items, key, address, user):
        if key is None:
            return None
        item = self.archive.find(items, key, address.project)
        if item is not None and any(user.can_read(project) for project in [item.project, *item.shares]):
            return item
        return None

    def owners(self, address, request):
        """What a GET of resources reads: where the item is unknown, those of the subject or the project it names."""
        experiment, found = address.experiment_item, []
        if experiment is not None:
            if address.scan is not None:
                found = [('scan', scan, scan.resources) for scan in self.scans(experiment, address.scan, request)]
            elif address.reconstruction is not None:
                wanted = unquote(address.reconstruction)
                found = [('reconstruction', recon, recon.sides[address.side or 'out'])
                         for recon in experiment.reconstructions if recon.id == wanted]
            elif address.assessor is not None:
                found = [('assessor', assessor, assessor.sides[address.side or 'out'])
                         for assessor in self.assessors(experiment)
                         if address.assessor in ('ALL', '*', assessor.id, assessor.label, assessor.xsi_type)]
            else:
                found = [('experiment', experiment, experiment.resources)]
        if found:
            return found
        if request.method != 'GET' and (address.experiment or address.scan):
            return []
        if address.subject_item is not None:
            return [('subject', address.subject_item, address.subject_item.resources)]
        if address.project is not None and address.subject is None and address.owner is not None:
            return [('project', address.owner, address.owner.resources)]
        return []

    def scans(self, experiment, raw, request):
        selection = unquote(raw)
        if request.method == 'GET' and selection in ('ALL', '*'):
            return list(experiment.scans)
        terms = selection.split(',') if request.method == 'GET' else [selection]
        plain = [term.replace('[SLASH]', '/').replace('[COMMA]', ',') for term in terms]
        return [scan for scan in experiment.scans
                if scan.id in terms or (request.method == 'GET' and scan.type in plain)
                or ('NULL' in terms and scan.type == '')]

    def assessors(self, session):
        return [item for item in list(self.archive.experiments.values()) if item.session == session.id]

    def resources_named(self, address):
        wanted = address.resource
        if wanted is None:
            return [resource for _, _, resources in address.owners for resource in resources]
        names = [escape_xml(name) for name in wanted.split(',')]
        return [resource for _, _, resources in address.owners for resource in resources
                if resource.id in names or resource.label in names or ('NULL' in names and not resource.label)]

    def base(self, address, owner):
        kind, item, _ = owner
        experiment = address.experiment_item
        if experiment is None:
            return '/data/%ss/%s' % (kind, item.id)
        if address.project and address.subject_item:
            start = '/data/projects/%s/subjects/%s/experiments/%s' % (
                address.project, address.subject_item.id, experiment.id)
        else:
            start = '/data/experiments/' + experiment.id
        if kind == 'experiment':
            return start
        side = '' if kind == 'scan' else '/' + (address.side or 'out')
        return '%s/%ss/%s%s' % (start, kind, item.id, side)

    # --- reading ----------------------------------------------------------------------------------------------------
    def read(self, address, request):
        if address.kind.endswith('s') and address.kind not in ('resources', 'files'):
            rows, always = self.rows(address, request)
            rows = [row for row in rows if all(request.query.get(name, row[name]) == row[name]
                                               for name in ('xsiType', 'label', 'ID') if name in row)]
            columns = request.query.get('columns')
            picked = [pick(row, columns.split(',') if columns is not None else None, always) for row in rows]
            return self.table(picked, request)
        if address.kind == 'resources':
            return self.table(self.resource_rows(address, request), request)
        if address.kind == 'resource':
            return self.catalog(address, request)
        if address.kind == 'files':
            return self.files(address, request)
        return self.item(address, request)

    def table(self, rows, request, columns=False):
        if request.query.get('format') == 'csv':
            return Answer(200, table_csv(rows), 'text/csv', sized=False)
        if request.query.get('format') in ('html', 'xml'):
            return Answer(200, html_page('table', '%d rows' % len(rows)), 'text/html', sized=False)
        return Answer(200, table_json(rows, self.archive, columns), 'application/json', sized=False)

    def rows(self, address, request):
        archive, user, project = self.archive, request.user, address.project
        if address.kind == 'projects':
            return [{'ID': item.id, 'secondary_ID': item.id, 'name': item.label, 'description': '', 'pi_firstname': '',
                     'pi_lastname': '', 'URI': '/data/projects/' + item.id}
                    for item in archive.projects.values() if user.can_read(item.id)], ALWAYS
        if address.kind == 'subjects':
            return [subject_row(item, label) for item, label in self.listed(archive.subjects, project, user)], ALWAYS
        if address.kind == 'experiments':
            if address.subject is not None and address.subject_item is None:
                raise Refusal(404, 'Unable to identify subject ' + address.subject)
            return self.experiment_rows(address, user), ALWAYS
        experiment = address.experiment_item
        if experiment is None:
            raise Refusal(404, 'Unable to identify experiment ' + address.experiment)
        if address.kind == 'assessors':
            return [{**experiment_row(item, item.label, item.project, ''), 'xnat:imageassessordata/id': item.id,
                     'session_ID': experiment.id, 'session_label': experiment.label}
                    for item in self.assessors(experiment)], ALWAYS
        if not experiment.is_session:
            raise Refusal(500, 'class org.nrg.xdat.om.%s cannot be cast to class XnatImagesessiondata'
                          % experiment.xsi_type.replace(':', '_'))
        if address.kind == 'scans':
            return [scan_row(experiment, scan, number) for number, scan in enumerate(experiment.scans)], ALWAYS
        return [{'xnat_reconstructedimagedata_id': number, 'ID': recon.id, 'type': recon.type, 'baseScanType': '',
                 'URI': '/data/experiments/%s/reconstructions/%s' % (experiment.id, recon.id)}
                for number, recon in enumerate(experiment.reconstructions)], ALWAYS

    def listed(self, items, project, user):
        if project is not None:
            return list(self.archive.labels_in(project, items))
        return [(item, item.label) for item in list(items.values()) if user.can_read(item.project)]

    def experiment_rows(self, address, user):
        rows = []
        for item, label in self.listed(self.archive.experiments, address.project, user):
            if item.session is not None or (address.subject_item and item.subject != address.subject_item.id):
                continue
            subject = self.archive.subjects[item.subject]
            subject_label = subject.shares.get(address.project, subject.label)
            rows.append(experiment_row(item, label, address.project or item.project, subject_label))
        return rows

    def resource_rows(self, address, request):
        experiment = address.experiment_item
        if request.query.get('all') == 'true' and experiment is not None and address.scan is None:
            return self.all_resource_rows(experiment)
        if not address.owners:
            raise Refusal(404, 'Unable to find the specified resource.')
        rows = []
        for kind, item, resources in address.owners:
            category = kind + 's' if kind in ('scan', 'assessor', 'reconstruction') else 'resources'
            cat_id = item.id if kind not in ('project', 'subject') else ''
            rows += [resource_row(resource, category, cat_id, getattr(item, 'type', ' '), self.archive)
                     for resource in resources]
        return rows

    def all_resource_rows(self, experiment):
        row = lambda *given: resource_row(*given, self.archive)
        rows = [row(resource, 'resources', '', '') for resource in experiment.resources]
        for scan in experiment.scans:
            rows += [row(resource, 'scans', scan.id, scan.type) for resource in scan.resources]
        for recon in experiment.reconstructions:
            rows += [row(resource, 'reconstructions', recon.id, recon.type) for resource in recon.sides['out']]
        for assessor in self.assessors(experiment):
            both = assessor.sides['out'] + assessor.resources
            rows += [row(resource, 'assessors', assessor.id, assessor.xsi_type) for resource in both]
        return rows

    def catalog(self, address, request):
        if self.options.catalogs == 'page':
            return Answer(200, html_page('Resource', 'Details'), 'text/html;charset=UTF-8', sized=False)
        if self.options.catalogs == 'refused':
            raise Refusal(405, 'Method Not Allowed')
        if not request.accepts('text/xml'):
            raise Refusal(406, 'Not Acceptable')
        found = self.resources_named(address)
        if len(found) != 1 or found[0].legacy:
            raise Refusal(404, 'Unable to find the specified catalog.')
        return Answer(200, catalog_xml(found[0]), 'text/xml', sized=False)

    def item(self, address, request):
        """Only HTML and XML, in that order; JSON by `?format=json` where one of these would be accepted too."""
        if address.kind == 'project' and address.tail:
            raise Refusal(400, 'The request could not be understood by the server')
        item = {'project': address.owner, 'subject': address.subject_item}.get(address.kind, address.experiment_item)
        if address.kind == 'scan':
            found = [scan for scan in address.experiment_item.scans if scan.id == address.scan] if item else []
            item = found[0] if found else None
        elif address.assessor is not None:
            item = next((other for other in self.assessors(item) if address.assessor in (other.id, other.label)), None)
        if item is None:
            raise Refusal(404, 'Unable to find the specified item.')
        if not request.accepts('text/html') and not request.accepts('text/xml'):
            raise Refusal(406, 'Not Acceptable')
        if request.query.get('format') != 'json':
            if request.query.get('format') == 'xml':
                return Answer(200, b'<xnat:Item xmlns:xnat="http://nrg.wustl.edu/xnat"/>', 'text/xml', sized=False)
            return Answer(200, html_page('XNAT', 'Details of ' + item.id), 'text/html;charset=UTF-8', sized=False)
        fields = {'ID': item.id, 'label': item.label} if address.kind != 'scan' else {'ID': item.id, 'type': item.type}
        for name, column in (('project', 'project'), ('subject', 'subject_ID')):
            if hasattr(item, name):
                fields[column] = getattr(item, name)
        return Answer(200, item_json(getattr(item, 'xsi_type', 'xnat:data'), fields), 'application/json', sized=False)

    def files(self, address, request):
        if request.method == 'HEAD' and re.search('[,*]|ALL', address.scan or ''):
            raise Refusal(404, 'Unable to identify scan')
        if not address.owners:
            raise Refusal(404, 'Unable to find the specified resource.')
        found = self.resources_named(address)
        path = address.path
        if path == '' or path.endswith('/'):
            return self.many_files(address, request, found, path)
        for archive_name in path.split('/')[:-1]:
            if archive_name.rsplit('.', 1)[-1].rstrip('!').lower() in ARCHIVE_SUFFIXES and '.' in archive_name:
                raise Refusal(404, 'Unable to find file in archive.')
        for resource in found:
            stored = self.archive.find_entry(resource, path)
            place = stored and resource.on_disk(stored)
            if place:
                return file_answer(place, request)
        raise Refusal(404, tomcat=True)

    def many_files(self, address, request, found, folder):
        rows, packed = [], []
        for owner in address.owners:
            for resource in owner[2]:
                if resource not in found:
                    continue
                listed = file_rows(resource, self.base(address, owner), self.archive)
                listed = [row for row in listed if row['URI'].split('/files/', 1)[1].startswith(folder)]
                rows += listed
                packed += [(owner, resource, row['URI'].split('/files/', 1)[1]) for row in listed]
        if request.query.get('format') == 'zip':
            return self.zip(address, packed)
        return self.table(rows, request, columns=True)

    def zip(self, address, packed):
        out, session = io.BytesIO(), address.experiment_item
        with zipfile.ZipFile(out, 'w', zipfile.ZIP_STORED) as archive:
            for (kind, item, _), resource, path in packed:
                place = resource.on_disk(path)
                if place is None:
                    continue
                label = session.label if session else item.label
                middle = ''
                if kind == 'scan':
                    middle = '/scans/%s-%s' % (item.id, re.sub(r'\W', '_', item.type, flags=re.ASCII))
                name = '%s%s/resources/%s/files/%s' % (label, middle, resource.label or resource.id, path)
                archive.write(place, name.replace('\\', '_'))
        if not packed:
            raise Refusal(404, 'No files.')
        headers = [('Content-Disposition', 'attachment; filename="%s.zip";' % (session.label if session else 'null'))]
        return Answer(200, out.getvalue(), 'application/zip', sized=False, headers=headers)

    # --- changing ---------------------------------------------------------------------------------------------------
    def may_edit(self, address, request):
        item = address.experiment_item or address.subject_item
        project = item.project if item is not None else address.project
        return request.user.can_edit(project)

    def write(self, address, request):
        if address.kind == 'files':
            return self.store(address, request)
        if address.kind == 'resource':
            return self.make_resource(address, request)
        if address.kind in ('subject', 'experiment', 'scan'):
            return self.make_item(address, request)
        raise Refusal(405, 'Method Not Allowed')

    def store(self, address, request):
        if not address.owners:
            raise Refusal(404, 'Unable to identify scan/experiment/image session')
        found = self.resources_named(address)
        if not found and address.resource.isdigit():
            raise Refusal(404, 'Unable to identify resource')
        parts = parts_of(request)
        if not self.may_edit(address, request):
            return Answer(200, b'', None)
        fault = request.fault or {}
        resource = found[0] if found else self.archive.add_resource(address.owners[0][2], label_of(address.resource))
        duplicates = []
        for part in parts:
            path = address.path or part.name
            path = path + fault.get('suffix', '')
            if fault.get('kind') == 'flip-upload':
                part.data = bytes([part.data[0] ^ 255]) + part.data[1:]
            duplicates += self.archive.store(resource, path, part.write_to, request.is_true('overwrite'))
        if duplicates:
            return Answer(200, json.dumps({'duplicates': duplicates}).encode(), 'text/html')
        return Answer(200, b'', 'text/plain;charset=ISO-8859-1')

    def make_resource(self, address, request):
        if address.tail:
            raise Refusal(400, "To upload a file, append '/files' to the URL")
        if not address.owners:
            raise Refusal(404, 'Unable to identify the parent')
        if not self.may_edit(address, request):
            raise Refusal(403, 'User account doesn\'t have permission to edit')
        if self.resources_named(address):
            raise Refusal(409, 'Specified resource already exists.')
        query = request.query
        self.archive.add_resource(address.owners[0][2], label_of(address.resource), format=query.get('format', ''),
                                  content=query.get('content', ''))
        return Answer(200, b'', 'text/plain;charset=ISO-8859-1')

    def make_item(self, address, request):
        if not self.may_edit(address, request):
            raise Refusal(403, 'Specified user account has insufficient create privileges')
        if address.kind == 'subject':
            made = address.subject_item or self.archive.add_subject(address.owner, address.subject)
            return Answer(200 if address.subject_item else 201, made.id.encode(), 'text/plain;charset=ISO-8859-1')
        if address.kind == 'experiment':
            known = address.experiment_item
            made = known or self.archive.add_experiment(address.subject_item, address.experiment)
            return Answer(200 if known else 201, made.id.encode(), 'text/plain;charset=ISO-8859-1')
        raise Refusal(403, 'scans are not made here')

    def remove(self, address, request):
        if address.kind not in ('files', 'resource'):
            raise Refusal(403, 'Only resources and files are deleted here.')
        if not address.owners:
            raise Refusal(404, 'Unable to identify the parent')
        if not self.may_edit(address, request):
            raise Refusal(403, 'User account doesn\'t have permission to delete')
        found = self.resources_named(address)
        if address.kind == 'resource':
            for _, _, resources in address.owners:
                resources[:] = [resource for resource in resources if resource not in found]
            return Answer(200, b'', None)
        if not found:
            raise Refusal(400, 'Unable to determine resource, parent, or security.')
        self.archive.delete(found[0], address.path)
        return Answer(200, b'', None)


def label_of(raw):
    """Labels arrive as raw URL text, and stay it."""
    return escape_xml(raw)
