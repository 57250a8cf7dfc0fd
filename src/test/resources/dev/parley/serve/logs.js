// The elements that are a log, or say that they are one.
const log = /(^|[^a-z])(logs?|processlogs?|console|terminal)($|[^a-z])/i;
return [...document.querySelectorAll('*')].filter(node => node.matches('[role=log], pre, textarea')
    || log.test(node.id) || log.test(node.getAttribute('class') ?? '')).map(node => node.outerHTML.slice(0, 200));
