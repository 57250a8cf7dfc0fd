/** The server, as the page talks to it. */

/** What the server objected to, or that it could not be reached. */
class Problem extends Error {
    /** @param details an RFC 9457 problem, as far as there is one */
    constructor(status, details = {}) {
        super(details.detail || details.title || sentence(status));
        this.status = status;
        this.details = details;
    }
}

const sentence = status => status === 0 ? 'The server does not answer. Is it running?'
    : status === 403 ? 'You may look, but not change anything.'
    : status === 404 ? 'There is no such thing here.'
    : `The server answered with status ${status}.`;

/** Who signs out is on the way to another page already. */
let leaving = false;
addEventListener('beforeunload', () => { leaving = true; });

export const get = (path, signal) => call('GET', path, undefined, signal);
export const post = (path, body) => call('POST', path, body ?? {});

async function call(method, path, body, signal) {
    const headers = {Accept: 'application/json'};
    if (method !== 'GET') {
        headers['Content-Type'] = 'application/json';
        headers['X-XSRF-TOKEN'] = cookie('XSRF-TOKEN');
    }
    let response;
    try {
        response = await fetch(path, {method, headers, signal, body: body && JSON.stringify(body), cache: 'no-cache'});
    } catch (error) {
        throw error.name === 'AbortError' ? error : new Problem(0);
    }
    if (response.status === 401 && !leaving) {
        location.assign('/login');
    }
    const isJson = /[/+]json/.test(response.headers.get('Content-Type') ?? '');
    const answer = isJson ? await response.json().catch(() => ({})) : {};
    if (!response.ok) {
        throw new Problem(response.status, answer);
    }
    return answer;
}

/** A cookie's value, or nothing. */
export function cookie(name) {
    const found = document.cookie.split('; ').find(pair => pair.startsWith(name + '='));
    return found ? decodeURIComponent(found.slice(name.length + 1)) : '';
}

const AGAIN = 5000; // milliseconds

/**
 * Listens to the server until the answer is called.
 *
 * @param job the job to hear about; null hears of the list only
 * @param handlers by event, each given the event's data
 * @param connected told true and false
 */
export function listen(job, handlers, connected) {
    let source = null;
    let timer = 0;
    const open = () => {
        source = new EventSource('/api/events' + (job ? `?job=${encodeURIComponent(job)}` : ''));
        source.onopen = () => connected(true);
        source.onerror = () => {
            connected(false);
            if (source.readyState === EventSource.CLOSED) { // it was refused, and does not try again by itself
                get('/api/jobs?limit=1').catch(() => {}); // leads to signing in, where that is why
                timer = setTimeout(open, AGAIN);
            }
        };
        for (const [event, handle] of Object.entries(handlers)) {
            source.addEventListener(event, message => handle(JSON.parse(message.data)));
        }
    };
    open();
    return () => {
        clearTimeout(timer);
        source.close();
    };
}

/**
 * Runs a task when it is asked to, one at a time and not more often than each so many milliseconds; what was asked for
 * meanwhile is done once, afterwards.
 */
export function calmly(task, milliseconds) {
    let busy = false;
    let again = false;
    return async function ask() {
        if (busy) {
            again = true;
            return;
        }
        busy = true;
        await task();
        setTimeout(() => {
            busy = false;
            if (again) {
                again = false;
                ask();
            }
        }, milliseconds);
    };
}
