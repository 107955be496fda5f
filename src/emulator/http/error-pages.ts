import { statusText } from './statuses.js'
import { escapeXml } from './text.js'

/** Restlet's "Status page": the message is not escaped, as in the original (xnat-wire.md §7). */
export function restletStatusPage(status: number, message: string | undefined): string {
  const text = statusText(status)
  const anchor = text.section.startsWith('STATUS')
    ? `http://www.webdav.org/specs/rfc2518.html#${text.section}`
    : `http://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html#sec${text.section}`
  return (
    '<html>\n<head>\n   <title>Status page</title>\n</head>\n<body>\n' +
    `<h3>${message ?? text.restlet}</h3>` +
    `<p>You can get technical details <a href="${anchor}">here</a>.<br>\n` +
    'Please continue your visit at our <a href="/">home page</a>.\n</p>\n</body>\n</html>\n'
  )
}

const style =
  'body {font-family:Tahoma,Arial,sans-serif;} h1, h2, h3, b {color:white;background-color:#525D76;} ' +
  'h1 {font-size:22px;} h2 {font-size:16px;} h3 {font-size:14px;} p {font-size:12px;} a {color:black;} ' +
  '.line {height:1px;background-color:#525D76;border:none;}'

/** Tomcat's own error page, which takes the place of an empty error body. */
export function tomcatPage(status: number, message?: string): string {
  const text = statusText(status)
  const title = `HTTP Status ${status} – ${text.name}`
  const shown = message === undefined ? '' : `<p><b>Message</b> ${escapeXml(message)}</p>`
  return (
    `<!doctype html><html lang="en"><head><title>${title}</title><style type="text/css">${style}</style></head>` +
    `<body><h1>${title}</h1><hr class="line" /><p><b>Type</b> Status Report</p>${shown}` +
    `<p><b>Description</b> ${text.tomcat}</p><hr class="line" /><h3>Apache Tomcat/9.0.70</h3></body></html>`
  )
}

/** What a reverse proxy in front of the server answers. */
export function proxyPage(status: number): string {
  const title = `${status} ${statusText(status).name}`
  return (
    `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n` +
    '<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n'
  )
}

/** The mark by which clients and NRG's own tests know the login page. */
export const LOGIN_PAGE_COMMENT = '<!-- BEGIN xnat-templates/screens/Login.vm -->'

export function loginPage(contextPath: string): string {
  return (
    '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN">\n<html>\n<head><title>XNAT</title></head>\n<body>\n' +
    `${LOGIN_PAGE_COMMENT}\n<div id="login_area">\n` +
    `<form name="form1" id="login_form" method="post" action="${contextPath}/login">\n` +
    '<input type="text" id="username" name="username">\n<input type="password" id="password" name="password">\n' +
    '<button type="submit" id="loginButton" name="login">Login</button>\n</form>\n</div>\n' +
    '<!-- END xnat-templates/screens/Login.vm -->\n</body>\n</html>\n'
  )
}

export function indexPage(): string {
  return (
    '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN">\n<html>\n<head><title>XNAT</title></head>\n' +
    '<body>\n<!-- BEGIN xnat-templates/screens/Index.vm -->\n<h1>XNAT</h1>\n' +
    '<!-- END xnat-templates/screens/Index.vm -->\n</body>\n</html>\n'
  )
}
