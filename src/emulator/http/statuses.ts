/** Restlet's and Tomcat's words for a status; they stand only in bodies, never in the reason phrase. */

interface StatusText {
  /** Tomcat's name, as in "HTTP Status 404 – Not Found". */
  readonly name: string
  /** Tomcat's explanation. */
  readonly tomcat: string
  /** Restlet's default description on its Status page. */
  readonly restlet: string
  /** Section of RFC 2616 or WebDAV status that Restlet links to. */
  readonly section: string
}

const texts: Readonly<Record<number, StatusText>> = {
  400: {
    name: 'Bad Request',
    tomcat:
      'The server cannot or will not process the request due to something that is perceived to be a client error (e.g., malformed request syntax, invalid request message framing, or deceptive request routing).',
    restlet: 'The request could not be understood by the server due to malformed syntax',
    section: '10.4.1',
  },
  401: {
    name: 'Unauthorized',
    tomcat:
      'The request has not been applied to the target resource because it lacks valid authentication credentials for that resource.',
    restlet: 'The request requires user authentication',
    section: '10.4.2',
  },
  403: {
    name: 'Forbidden',
    tomcat: 'The server understood the request but refuses to authorize it.',
    restlet: 'The server understood the request, but is refusing to fulfill it',
    section: '10.4.4',
  },
  404: {
    name: 'Not Found',
    tomcat:
      'The origin server did not find a current representation for the target resource or is not willing to disclose that one exists.',
    restlet: 'The server has not found anything matching the request URI',
    section: '10.4.5',
  },
  405: {
    name: 'Method Not Allowed',
    tomcat:
      'The method received in the request-line is known by the origin server but not supported by the target resource.',
    restlet:
      'The method specified in the request is not allowed for the resource identified by the request URI',
    section: '10.4.6',
  },
  406: {
    name: 'Not Acceptable',
    tomcat:
      'The target resource does not have a current representation that would be acceptable to the user agent, according to the proactive negotiation header fields received in the request, and the server is unwilling to supply a default representation.',
    restlet:
      'The resource identified by the request is only capable of generating response entities which have content characteristics not acceptable according to the accept headers sent in the request',
    section: '10.4.7',
  },
  409: {
    name: 'Conflict',
    tomcat:
      'The request could not be completed due to a conflict with the current state of the target resource.',
    restlet: 'The request could not be completed due to a conflict with the current state of the resource',
    section: '10.4.10',
  },
  410: {
    name: 'Gone',
    tomcat:
      'Access to the target resource is no longer available at the origin server and that this condition is likely to be permanent.',
    restlet: 'The requested resource is no longer available at the server and no forwarding address is known',
    section: '10.4.11',
  },
  412: {
    name: 'Precondition Failed',
    tomcat:
      'One or more conditions given in the request header fields evaluated to false when tested on the server.',
    restlet:
      'The precondition given in one or more of the request header fields evaluated to false when it was tested on the server',
    section: '10.4.13',
  },
  413: {
    name: 'Request Entity Too Large',
    tomcat:
      'The server is refusing to process a request because the request payload is larger than the server is willing or able to process.',
    restlet:
      'The server is refusing to process a request because the request entity is larger than the server is willing or able to process',
    section: '10.4.14',
  },
  415: {
    name: 'Unsupported Media Type',
    tomcat:
      'The origin server is refusing to service the request because the payload is in a format not supported by this method on the target resource.',
    restlet:
      'The server is refusing to service the request because the entity of the request is in a format not supported by the requested resource for the requested method',
    section: '10.4.16',
  },
  417: {
    name: 'Expectation Failed',
    tomcat: 'The expectation given in the Expect request header could not be met by this server.',
    restlet: 'The expectation given in the request header could not be met by this server',
    section: '10.4.18',
  },
  422: {
    name: 'Unprocessable Entity',
    tomcat: 'The server understood the content type but was unable to process the contained instructions.',
    restlet:
      'The server understands the content type of the request entity and the syntax of the request entity is correct but was unable to process the contained instructions',
    section: 'STATUS_422',
  },
  500: {
    name: 'Internal Server Error',
    tomcat: 'The server encountered an unexpected condition that prevented it from fulfilling the request.',
    restlet: 'The server encountered an unexpected condition which prevented it from fulfilling the request',
    section: '10.5.1',
  },
  501: {
    name: 'Not Implemented',
    tomcat: 'The server does not support the functionality required to fulfill the request.',
    restlet: 'The server does not support the functionality required to fulfill the request',
    section: '10.5.2',
  },
  502: { name: 'Bad Gateway', tomcat: '', restlet: '', section: '10.5.3' },
  503: {
    name: 'Service Unavailable',
    tomcat:
      'The server is currently unable to handle the request due to a temporary overload or scheduled maintenance, which will likely be alleviated after some delay.',
    restlet:
      'The server is currently unable to handle the request due to a temporary overloading or maintenance of the server',
    section: '10.5.4',
  },
  504: { name: 'Gateway Time-out', tomcat: '', restlet: '', section: '10.5.5' },
  507: {
    name: 'Insufficient Storage',
    tomcat: 'The server is unable to store the representation needed to complete the request.',
    restlet:
      'The method could not be performed on the resource because the server is unable to store the representation needed to successfully complete the request',
    section: 'STATUS_507',
  },
}

export function statusText(status: number): StatusText {
  return texts[status] ?? { name: 'Error', tomcat: '', restlet: 'No description available', section: '10' }
}
