"""The documents of XNAT: tables, items, catalogs. Rows and the keys in them come in any order."""

import json
import os
import time
from xml.sax.saxutils import escape, quoteattr

CATALOG = 'http://nrg.wustl.edu/catalog'


def timestamp(seconds):
    return time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(seconds)) + '.25'


def shuffled_row(row, shuffle):
    keys = list(row)
    shuffle(keys)
    return {key: '' if row[key] is None else str(row[key]) for key in keys}


def table_json(rows, archive, columns=False):
    rows = [shuffled_row(row, archive.random.shuffle) for row in rows]
    archive.random.shuffle(rows)
    result = {'Result': rows, 'totalRecords': str(len(rows))}
    if columns:
        result = {'Columns': [{'key': 'URI', 'serverRoot': archive.options.context}], 'title': 'Files', **result}
    return json.dumps({'ResultSet': result}, ensure_ascii=False).replace('</', '<\\/').encode('utf8')


def table_csv(rows):
    if not rows:
        return b''
    keys = list(rows[0])
    quote = lambda value: '"%s"' % ('' if value is None else str(value)).replace('"', '""')
    lines = [','.join(quote(key) for key in keys)]
    lines += [','.join(quote(row.get(key)) for key in keys) for row in rows]
    return ('\n'.join(lines) + '\n').encode('utf8')


def pick(row, wanted, always):
    """`columns=` replaces the default columns; unknown names are skipped, key and URI come in any case."""
    if wanted is None:
        return {key: value for key, value in row.items() if not key.startswith('+')}
    known = {key.lstrip('+'): value for key, value in row.items()}
    keep = [name for name in wanted if name in known] + [name for name in always if name in known]
    return {name: known[name] for name in keep}


def subject_row(subject, label):
    return {'ID': subject.id, 'project': subject.project, 'label': label, 'insert_date': timestamp(1.6e9),
            'insert_user': 'old', '+last_modified': '', 'URI': '/data/subjects/' + subject.id}


def experiment_row(experiment, label, project, subject_label):
    return {'xnat:subjectassessordata/id': experiment.id, 'ID': experiment.id, 'project': project, 'date': '2020-12-17',
            'xsiType': experiment.xsi_type, 'label': label, 'insert_date': timestamp(1.61e9),
            '+subject_ID': experiment.subject, '+subject_label': subject_label, '+last_modified': timestamp(1.62e9),
            'URI': '/data/experiments/' + experiment.id}


def scan_row(experiment, scan, number):
    return {'xnat_imagescandata_id': number, 'ID': scan.id, 'type': scan.type, 'quality': 'usable',
            'xsiType': scan.xsi_type, 'note': '', 'series_description': 'WATER: "a"</b> ' + scan.type,
            '+insert_date': timestamp(1.6e9), '+last_modified': '',
            'URI': '/data/experiments/%s/scans/%s' % (experiment.id, scan.id)}


def resource_row(resource, category, cat_id, cat_desc, archive):
    count, size = resource.counts or ('', '')
    if resource.counts is None and archive.options.counts:
        paths = resource.legacy_paths() if resource.legacy else [entry.path for entry in resource.entries]
        count, size = len(paths), sum(size_on_disk(resource, path) or 0 for path in paths)
    kind = 'xnat:imageResource' if resource.legacy else 'xnat:resourceCatalog'
    return {'xnat_abstractresource_id': resource.id, 'label': resource.label, 'element_name': kind,
            'category': category, 'cat_id': cat_id, 'cat_desc': cat_desc, 'file_count': count, 'file_size': size,
            'tags': '', 'content': resource.content, 'format': resource.format}


def file_rows(resource, base, archive):
    base = '%s/resources/%s/files/' % (base, resource.id)
    if resource.legacy:
        listed = [(path, size_on_disk(resource, path), None) for path in resource.legacy_paths()]
    else:
        listed = [(entry.path, listed_size(resource, entry, archive), entry.digest) for entry in resource.entries]
    return [{'Name': path.rsplit('/', 1)[-1], 'Size': size, 'URI': base + path, 'collection': resource.label,
             'file_tags': '', 'file_format': resource.format, 'file_content': resource.content,
             'cat_ID': resource.id, 'digest': digest} for path, size, digest in listed]


def listed_size(resource, entry, archive):
    """From the catalog, else from the disk, unless this server is one whose tables leave it empty."""
    if entry.size is not None or not archive.options.sizes:
        return entry.size
    return size_on_disk(resource, entry.path)


def size_on_disk(resource, path):
    place = resource.on_disk(path)
    return os.path.getsize(place) if place else None


def item_json(xsi_type, fields):
    fields = {'age': 34.5, 'sharing': True, **fields}
    meta = {'create_event_id': 7, 'xsi:type': xsi_type, 'isHistory': False, 'start_date': 'Thu Mar 18 11:36:15 CET 2021'}
    return json.dumps({'items': [{'children': [], 'meta': meta, 'data_fields': fields}]}).encode('utf8')


# --- catalogs ---------------------------------------------------------------------------------------------------------
def catalog_xml(resource):
    """The spellings of one document: prefixed or not, plain or DICOM, with files in nested sets."""
    prefix = '' if resource.flavour == 'default-namespace' else 'cat:'
    name = 'DCMCatalog' if resource.flavour == 'dicom' else 'Catalog'
    namespace = 'xmlns' if prefix == '' else 'xmlns:cat'
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<!-- made by <another> program -->',
             '<%s%s ID=%s UID="1.2.3" %s="%s" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">' % (
                 prefix, name, quoteattr(resource.label), namespace, CATALOG),
             '  <%smetaFields><%smetaField name="AUDIT">&lt;a&gt;</%smetaField></%smetaFields>' % ((prefix,) * 4)]
    entries = list(resource.entries)
    if resource.flavour == 'nested':
        lines += nested_sets(entries, prefix)
    else:
        lines += entries_xml(entries, prefix, resource.flavour)
    lines.append('</%s%s>' % (prefix, name))
    return '\n'.join(lines).encode('utf8')


def nested_sets(entries, prefix):
    """The first file at the top, the second in a set, the others in a set within a set."""
    inner = ['<%sentrySet ID="deep">' % prefix, *entries_xml(entries[2:], prefix, 'plain'), '</%sentrySet>' % prefix]
    outer = ['<%ssets>' % prefix, '<%sentrySet ID="flat">' % prefix, '<%ssets>' % prefix, *inner,
             '</%ssets>' % prefix, *entries_xml(entries[1:2], prefix, 'plain'), '</%sentrySet>' % prefix,
             '</%ssets>' % prefix]
    return outer + entries_xml(entries[:1], prefix, 'plain')


def entries_xml(entries, prefix, flavour):
    if not entries:
        return ['<%sentries/>' % prefix]
    lines = ['<%sentries>' % prefix]
    for entry in entries:
        kind = ' xsi:type="cat:dcmEntry" UID="1.2.3.4" instanceNumber="1"' if flavour == 'dicom' else ''
        times = '' if flavour == 'dicom' else ' createdBy="old" createdTime="%s"' % iso(entry.created)
        if entry.modified:
            times += ' modifiedTime="%s"' % iso(entry.modified)
        digest = ' digest="%s"' % entry.digest if entry.digest else ' digest=""'
        cache = ' cachePath=%s' % quoteattr(entry.cache_path) if entry.cache_path else ''
        lines.append('  <%sentry ID=%s URI=%s name=%s%s%s%s%s>' % (
            prefix, quoteattr(entry.id), quoteattr(entry.uri), quoteattr(entry.path.rsplit('/', 1)[-1]), cache, digest,
            kind, times))
        if entry.size is not None:
            lines.append('<%smetaFields><%smetaField name="SIZE">%s</%smetaField></%smetaFields>' % (
                prefix, prefix, escape(str(entry.size)), prefix, prefix))
        lines.append('</%sentry>' % prefix)
    return lines + ['</%sentries>' % prefix]


def iso(seconds):
    return time.strftime('%Y-%m-%dT%H:%M:%S', time.localtime(seconds)) + '.5'
