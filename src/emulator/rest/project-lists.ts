import { StatusError } from '../http/answer.js'
import { canReadData, canReadItem, canReadProject, findProject, isInProject } from '../store/access.js'
import type { Project, Subject } from '../store/model.js'
import { postProject, postSubject } from './list-post.js'
import { LIST_VARIANTS, counted, paged, relabel, shareLabel } from './list-table.js'
import { projectValue, subjectValue } from './list-values.js'
import { filteredProjects, isFilteredProjectQuery } from './project-filters.js'
import { QueryOrganizer, type ListDefinition } from './query-organizer.js'
import type { RestContext, RestResource } from './resource.js'

const projects: ListDefinition<Project> = {
  shortcuts: 'project',
  defaultElement: 'xnat:projectData',
  defaultColumns: () => ['ID', 'secondary_ID', 'name', 'description', 'pi_firstname', 'pi_lastname'],
  uriPrefix: '/data/projects/',
  idOf: (project) => project.id,
  typeOf: () => 'xnat:projectData',
  valueAt: projectValue,
}

const subjects: ListDefinition<Subject> = {
  shortcuts: 'subject',
  defaultElement: 'xnat:subjectData',
  defaultColumns: () => ['ID', 'project', 'label', 'insert_date', 'insert_user'],
  uriPrefix: '/data/subjects/',
  idOf: (subject) => subject.id,
  typeOf: () => 'xnat:subjectData',
  valueAt: subjectValue,
}

/** `/projects`: ProjectListResource. */
export function projectList(context: RestContext): RestResource {
  const { services, user } = context
  return {
    variants: LIST_VARIANTS,
    get: (mediaType) => {
      const organizer = new QueryOrganizer(context, projects)
      const fields = organizer.fieldsAnswer(mediaType)
      if (fields) return fields
      const readable = [...services.database.projects()].filter((project) => canReadProject(project, user))
      if (isFilteredProjectQuery(context)) return filteredProjects(context, readable, mediaType)
      // For all but administrators the clause about permissions takes the place of the filters.
      const selected = organizer.select(readable, user.siteRole === 'admin')
      return counted(context, organizer.table(selected), mediaType, false)
    },
    post: () => postProject(context),
  }
}

/** `/projects/{P}/subjects`: ProjectSubjectList. */
export function projectSubjectList(context: RestContext): RestResource {
  const { services, user } = context
  const id = context.variable('PROJECT_ID')!
  const project = findProject(services.database, id, user)
  if (!project) throw new StatusError(404)
  return {
    variants: LIST_VARIANTS,
    get: (mediaType) => {
      const organizer = new QueryOrganizer(context, subjects)
      const fields = organizer.fieldsAnswer(mediaType)
      if (fields) return fields
      if (!canReadData(project, user)) {
        throw new StatusError(403, `Unable to read subjects for Project: ${project.id}`)
      }
      const inProject = [...services.database.subjects()].filter((subject) =>
        isInProject(subject, project.id),
      )
      const { items, isPage } = paged(context, organizer.select(inProject, true))
      const table = organizer.table(items)
      relabel(table, 'label', (index) => shareLabel(items[index]!, project.id))
      return counted(context, table, mediaType, isPage)
    },
    post: () => postSubject(context, project),
  }
}

/** `/subjects`: SubjectListResource; 500 for whoever can read no project at all. */
export function subjectList(context: RestContext): RestResource {
  const { services, user } = context
  return {
    variants: LIST_VARIANTS,
    get: (mediaType) => {
      const organizer = new QueryOrganizer(context, subjects)
      const fields = organizer.fieldsAnswer(mediaType)
      if (fields) return fields
      const projectsRead = [...services.database.projects()].filter((project) => canReadData(project, user))
      if (projectsRead.length === 0) throw new StatusError(500)
      const { items, isPage } = paged(context, organizer.select(services.database.subjects(), true))
      const readable = items.filter((subject) => canReadItem(services.database, subject, user))
      return counted(context, organizer.table(readable), mediaType, isPage)
    },
  }
}
