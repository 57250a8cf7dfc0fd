/** Live conversations: the sessions and their messages, how the tracker is, and what it could not store. */
import {get, post} from './api.js';
import {h} from './dom.js';
import {bytes, clock, dateTime, duration, number, plural, words} from './format.js';
import {announce, badge, confirm, failure, link, loading, objection, pager, table, tile} from './parts.js';

const PAGE = 20;
const EVERY = 2000; // milliseconds

export function trackerPage({id, query, show, title, may}) {
    let wanted = query;
    let state = null;
    let error = null;
    let timer = 0;
    let closed = false;
    title(id ? 'Session' : 'Tracker');
    show(loading('the tracker'));

    async function load() {
        clearTimeout(timer);
        const asked = wanted;
        try {
            const answer = id ? await get(`/api/tracker/sessions/${encodeURIComponent(id)}/messages?${filter(asked)}`) : await all(asked);
            if (asked === wanted) {
                [state, error] = [answer, null];
            }
        } catch (problem) {
            error = problem;
        }
        if (!closed) {
            draw();
            timer = setTimeout(load, document.hidden ? 5 * EVERY : EVERY);
        }
    }

    async function all(asked) {
        const [tracker, sessions, letters] = await Promise.all([
            get('/api/tracker'), get(`/api/tracker/sessions?${filter(asked)}`), get('/api/tracker/dead-letters?limit=10').catch(unlessRefused)]);
        return {tracker, sessions, letters};
    }

    function draw() {
        if (state === null) {
            show(failure(error, load));
        } else if (id) {
            show(objection(error), messages(id, state, next(state)));
        } else {
            show(h('div', {class: 'head'}, h('div', {}, h('div', {class: 'title'}, h('h1', {}, 'Tracker'),
                badge(state.tracker.status, state.tracker.status.toLowerCase())),
            h('p', {class: 'sub'}, state.tracker.reason ?? 'Live conversations of applications, as they come in.'))),
            objection(error), health(state.tracker), sessions(state.sessions),
            state.letters && letters(state.letters, state.tracker));
        }
    }

    const next = page => pager(wanted.get('after') && address(null), page.next && address(page.next));

    const address = after => `#/tracker${id ? `/${id}` : ''}${after ? `?after=${encodeURIComponent(after)}` : ''}`;

    const sessions = page => h('section', {key: 'sessions', class: 'panel', 'aria-labelledby': 'sessions'},
        h('div', {class: 'between'}, h('h2', {id: 'sessions'}, 'Sessions'), next(page)),
        table({caption: 'Sessions, newest first', rows: page.sessions, key: session => session.sessionId, columns: SESSIONS,
            empty: [h('strong', {}, 'No sessions'), 'Applications send them to ', h('code', {}, '/api/track'), '.']}));

    const letters = ({deadLetters}, tracker) => h('section', {key: 'letters', class: 'panel', 'aria-labelledby': 'letters'},
        h('div', {class: 'between'}, h('h2', {id: 'letters'}, 'Dead letters'),
            may('operate') && tracker.deadLetters > 0 && h('button', {type: 'button', class: 'small', on: {click: again}}, 'Retry all…')),
        table({caption: 'What the database refused', rows: deadLetters, key: letter => letter.id, columns: LETTERS,
            empty: 'Everything that was accepted could be stored.'}));

    async function again() {
        const answer = await confirm({
            title: 'Retry the dead letters', verb: 'Retry',
            explain: async () => ({says: `${plural(state.tracker.deadLetters, 'dead letter')} will be tried once more, in their order. What is refused again stays.`}),
            act: () => post('/api/tracker/dead-letters/retry'),
        });
        if (answer) {
            announce(`${plural(answer.retried, 'dead letter')} stored, ${number(answer.refused)} refused again.`);
            load();
        }
    }

    load();
    return {
        change(query) {
            wanted = query;
            load();
        },
        close() {
            closed = true;
            clearTimeout(timer);
        },
    };
}

function health(tracker) {
    const refused = Object.entries(tracker.refused).filter(([, n]) => n > 0);
    const sum = refused.reduce((all, [, n]) => all + n, 0);
    return h('div', {key: 'health', class: 'stack close'},
        h('dl', {class: 'tiles'},
            tile('Active sessions', number(tracker.activeSessions), `${number(tracker.lateMessages)} late messages`),
            tile('Stored', number(tracker.stored), `${number(tracker.duplicates)} duplicates`),
            tile('Refused', number(sum), refused.map(([reason, n]) => `${words(reason.toLowerCase())} ${number(n)}`).join(', ') || 'none', sum ? 'bad' : null),
            tile('Dead letters', number(tracker.deadLetters), 'not stored', tracker.deadLetters ? 'bad' : null)),
        h('div', {class: 'panel levels'},
            level('Queue', tracker.queue.depth, tracker.queue.capacity, number),
            level('Journal', tracker.journal.bytes, tracker.journal.quotaBytes, bytes),
            h('div', {}, h('p', {class: 'small muted'}, 'Behind the database by'), h('p', {}, duration(tracker.lagMs / 1000)))));
}

/** Dead letters are not everybody's to see; the rest of the page is. */
function unlessRefused(error) {
    if (error.status !== 403) {
        throw error;
    }
    return null;
}

const level = (name, value, most, format) => h('div', {}, h('p', {class: 'small muted'}, name),
    h('div', {class: 'progress thin', role: 'meter', 'aria-label': name, 'aria-valuemin': 0, 'aria-valuemax': most, 'aria-valuenow': value,
        'aria-valuetext': `${format(value)} of ${format(most)}`},
    h('i', {class: value > 0.9 * most ? 'failed' : 'done', style: {transform: `scaleX(${most ? Math.min(1, value / most) : 0})`}})),
    h('p', {class: 'small'}, `${format(value)} of ${format(most)}`));

const messages = (id, page, pages) => [
    h('div', {key: 'head'}, h('p', {class: 'trail'}, link('#/tracker', 'Tracker')), h('h1', {}, 'Session'), h('p', {class: 'sub mono'}, id)),
    h('section', {key: 'messages', class: 'panel', 'aria-labelledby': 'messages'},
        h('div', {class: 'between'}, h('h2', {id: 'messages'}, 'Messages'), pages),
        page.messages.length === 0 ? h('p', {class: 'blank'}, 'No messages yet.')
            : h('ol', {class: 'transcript'}, page.messages.map(message => h('li', {key: message.id, class: 'turn', 'data-role': message.role.toLowerCase()},
                h('div', {class: 'speaker'}, h('p', {}, h('strong', {}, words(message.role.toLowerCase()))),
                    h('p', {class: 'small muted'}, clock(message.createdAt))),
                h('div', {class: 'words'}, h('p', {}, message.content),
                    message.audioUrl && h('p', {class: 'small muted'}, 'Audio: ', h('code', {}, message.audioUrl))))))),
];

const SESSIONS = [
    {name: 'Session', width: '42%', header: true, wide: true, cell: session => link(`#/tracker/${session.sessionId}`, h('span', {class: 'mono'}, session.sessionId))},
    {name: 'State', width: '14%', cell: session => session.endedAt ? badge('ended') : badge('active')},
    {name: 'Messages', width: '12%', num: true, cell: session => number(session.messages)},
    {name: 'Started', width: '18%', class: 'keep', cell: session => dateTime(session.startedAt)},
    {name: 'Took', width: '14%', num: true, cell: session => duration(session.durationSeconds)},
];

const LETTERS = [
    {name: 'Error', width: '38%', header: true, wide: true, cell: letter => [h('code', {}, letter.errorCode), ' ',
        h('span', {class: 'two', title: letter.errorMessage}, letter.errorMessage)]},
    {name: 'Entry', width: '38%', wide: true, cell: letter => h('code', {class: 'two', title: letter.payload}, letter.payload)},
    {name: 'Tries', width: '8%', num: true, cell: letter => number(letter.attempts)},
    {name: 'Since', width: '16%', class: 'keep', cell: letter => dateTime(letter.createdAt)},
];

function filter(query) {
    const asked = new URLSearchParams(query);
    asked.set('limit', PAGE);
    return asked;
}
