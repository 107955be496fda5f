import { describe, expect, it } from 'vitest'
import { useControlSite, withNewline } from '../support/control-site.js'
import { writeFile } from '../support/file-system.js'
import { startLocalVfs } from '../support/local-vfs.js'
import { vfsFileSystem } from '../support/vfs-file-system.js'

/** How the site and its projects are set up, as files of `.xnat`. */

const site = useControlSite({ allowDelete: 'entities' })
const { server, text, changes } = site

describe('the groups of a project', () => {
  it('are listed by their IDs, and each tells what it may do', async () => {
    expect((await site.fs.list('TEST/.xnat/groups')).toSorted()).toEqual([
      'TEST_collaborator.xml',
      'TEST_member.xml',
      'TEST_owner.xml',
    ])
    const sent = withNewline(await server('/data/projects/TEST/groups/TEST_owner?format=xml'))
    expect(await text('TEST/.xnat/groups/TEST_owner.xml')).toBe(sent)
    expect(await text('data/projects/TEST/groups/TEST_owner')).toBe(sent)
    await expect(site.fs.stat('TEST/.xnat/groups/nobody.xml')).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('and who asks for access are a table each', async () => {
    for (const name of ['groups', 'pars'])
      expect(await text(`TEST/.xnat/${name}.csv`)).toBe(
        withNewline(await server(`/data/projects/TEST/${name}?format=csv`)),
      )
  })
})

describe('the protocols of a project', () => {
  it('are those of its document, and no question makes another', async () => {
    expect((await site.fs.list('TEST/.xnat/protocols')).toSorted()).toEqual([
      'TEST_xnat_mrSessionData.xml',
      'TEST_xnat_qcManualAssessorData.xml',
      'TEST_xnat_subjectData.xml',
    ])
    const path = '/data/projects/TEST/protocols/TEST_xnat_mrSessionData?dataType=xnat%3AmrSessionData'
    expect(await text('TEST/.xnat/protocols/TEST_xnat_mrSessionData.xml')).toBe(
      withNewline(await server(`${path}&format=xml`)),
    )
    site.emulator.control.resetRequests()
    await expect(site.fs.stat('TEST/.xnat/protocols/TEST_xnat_ctSessionData.xml')).rejects.toMatchObject({
      code: 'ENOENT',
    })
    const asked = site.emulator.control.requests().map(({ path: url }) => url)
    expect(asked.filter((url) => url.includes('/protocols/'))).toEqual([])
  })
})

describe('the searches of a project', () => {
  it('are had by their IDs: those that are kept, and the listing of each data type', async () => {
    const path = '/data/projects/TEST/searches/@xnat:mrSessionData?format=xml'
    expect(await text('TEST/.xnat/searches/@xnat:mrSessionData.xml')).toBe(withNewline(await server(path)))
    expect(await text('data/projects/TEST/searches/@xnat:mrSessionData')).toContain('<xdat:value>TEST<')
    expect(await site.fs.list('TEST/.xnat/searches')).toEqual([])
    await expect(site.fs.stat('TEST/.xnat/searches/none.xml')).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('what tools keep', () => {
  it('is a folder for each tool, of the site and of a project', async () => {
    expect((await site.fs.list('.xnat/config')).toSorted()).toEqual(['anon', 'seriesImportFilter'])
    expect(await site.fs.list('.xnat/config/anon')).toEqual(['script'])
    expect((await site.fs.list('TEST/.xnat/config')).toSorted()).toEqual(['anon', 'protocols'])
    expect(await site.fs.list('TEST/.xnat/config/anon/projects')).toEqual(['TEST'])
    expect(await site.fs.list('ODD/.xnat/config')).toEqual([])
    expect(await site.fs.list('ODD/.xnat')).not.toContain('config.csv')
    expect(await text('.xnat/config.csv')).toBe(await server('/data/config?format=csv'))
    for (const [path, url] of [
      ['config/seriesImportFilter/config', '/data/config/seriesImportFilter/config?contents=true'],
      [
        'projects/TEST/config/protocols/sequences/t1',
        '/data/projects/TEST/config/protocols/sequences/t1?contents=true',
      ],
      [
        'projects/TEST/config/anon/projects/TEST',
        '/data/projects/TEST/config/anon/projects/TEST?contents=true',
      ],
    ] as const)
      expect([path, await text(`data/${path}?contents=true`)]).toEqual([path, await server(url)])
  })

  it('is by the path of REST what REST has there, and its text in `.xnat`', async () => {
    for (const path of ['config/anon/script', 'projects/TEST/config/protocols/sequences/t1']) {
      const answer = await server(`/data/${path}`)
      expect(answer).toContain('"contents":')
      for (const uri of [`data/${path}`, `data/${path}?`])
        expect([uri, await text(uri)]).toEqual([uri, answer])
      const kept = path.replace('projects/', '').replace('config/', '.xnat/config/')
      const contents = await server(`/data/${path}?contents=true`)
      for (const uri of [kept, `data/${path}?contents=true`])
        expect([uri, await text(uri)]).toEqual([uri, contents])
    }
    expect(await site.fs.list('data/config')).toEqual(await site.fs.list('.xnat/config'))
    expect(await site.fs.list('data/projects/TEST/config/anon')).toEqual(['projects'])
    expect(await site.fs.list('.xnat')).not.toContain('config-answers')
    await expect(site.fs.stat('TEST/1/.xnat/config-answers')).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('is set and disabled by that path too, as by curl', async () => {
    site.emulator.control.resetRequests()
    await writeFile(site.fs, 'data/config/newTool/new', 'one\n')
    await writeFile(site.fs, 'data/config/newTool/new', 'two\n')
    const path = '/data/config/newTool/new'
    expect(changes()).toEqual([`PUT ${path}?inbody=true`, `PUT ${path}?inbody=true`])
    expect(await text('.xnat/config/newTool/new')).toBe('two\n')
    expect(await text('data/config/newTool/new')).toBe(await server(path))
    await site.fs.unlink('data/config/newTool/new')
    expect(changes().at(-1)).toBe(`DELETE ${path}`)
    await expect(site.fs.stat('data/config/newTool/new')).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('is set by writing it, also where there was nothing, and in a folder', async () => {
    site.emulator.control.resetRequests()
    await writeFile(site.fs, 'TEST/.xnat/config/protocols/sequences/t1', 'TR 550\n')
    await writeFile(site.fs, 'TEST/.xnat/config/protocols/sequences/t2', 'TR 4000\n')
    await writeFile(site.fs, 'TEST/.xnat/config/newTool/deep%2Fpath', '{}')
    const config = '/data/projects/TEST/config'
    expect(changes()).toEqual([
      `PUT ${config}/protocols/sequences/t1?inbody=true`,
      `PUT ${config}/protocols/sequences/t2?inbody=true`,
      `PUT ${config}/newTool/deep/path?inbody=true`,
    ])
    expect(await server(`${config}/protocols/sequences/t1?contents=true`)).toBe('TR 550\n')
    expect(await text('TEST/.xnat/config/newTool/deep/path')).toBe('{}\n')
    expect((await site.fs.list('TEST/.xnat/config/protocols/sequences')).toSorted()).toEqual(['t1', 't2'])
  })

  it('is gone when its file is removed, and nothing else is', async () => {
    site.emulator.control.resetRequests()
    await site.fs.unlink('TEST/.xnat/config/protocols/sequences/t2')
    expect(changes()).toEqual(['DELETE /data/projects/TEST/config/protocols/sequences/t2'])
    expect(await site.fs.list('TEST/.xnat/config/protocols/sequences')).toEqual(['t1'])
    await expect(site.fs.stat('TEST/.xnat/config/protocols/sequences/t2')).rejects.toMatchObject({
      code: 'ENOENT',
    })
  })

  it('stays where the mount may delete nothing', async () => {
    const careful = await startLocalVfs(site.emulator)
    try {
      const removal = vfsFileSystem(careful.vfs).unlink('.xnat/config/anon/script')
      await expect(removal).rejects.toMatchObject({ code: 'EPERM' })
    } finally {
      await careful.stop()
    }
  })

  it('cannot be empty, or have a name that XNAT would not keep as it is', async () => {
    site.emulator.control.resetRequests()
    await expect(writeFile(site.fs, '.xnat/config/anon/script', '\n')).rejects.toMatchObject({
      code: 'EINVAL',
    })
    for (const name of ['a b', 'é', '.hidden', '100%', 'a&b'])
      await expect(writeFile(site.fs, `.xnat/config/anon/${name}`, 'x')).rejects.toMatchObject({
        code: 'EINVAL',
      })
    for (const change of [
      () => site.fs.mkdir('.xnat/config/anon/other'),
      () => site.fs.rmdir('.xnat/config/anon'),
    ])
      await expect(change()).rejects.toMatchObject({ code: 'EPERM' })
    const rename = site.fs.rename('.xnat/config/anon/script', '.xnat/config/anon/other')
    await expect(rename).rejects.toMatchObject({ code: 'EXDEV' })
    // Each tool has its folder already, so that `mkdir -p` does.
    await expect(site.fs.mkdir('.xnat/config/other')).rejects.toMatchObject({ code: 'EEXIST' })
    expect(changes()).toEqual([])
  })

  it('is changed by those who may: others are told EACCES', async () => {
    const theirs = await startLocalVfs({ url: site.emulator.url, user: 'member', password: 'member-pass' })
    try {
      const change = writeFile(vfsFileSystem(theirs.vfs), '.xnat/config/anon/script', 'mine')
      await expect(change).rejects.toMatchObject({ code: 'EACCES' })
    } finally {
      await theirs.stop()
    }
    expect(await server('/data/config/anon/script?contents=true')).not.toContain('mine')
  })
})
