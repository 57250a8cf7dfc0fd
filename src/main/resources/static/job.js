/** One job: how far it is, how fast, what fails and why, what it costs; and what can be done about it. */
import {calmly, get, listen, post} from './api.js';
import {jobCharts} from './charts.js';
import {h} from './dom.js';
import {dateTime, money, number, percent, plural, roughly, words} from './format.js';
import {announce, badge, confirm, disconnected, fact, failure, link, loading, pager, progress, segments, table, tile} from './parts.js';

const STATES = ['', 'queued', 'processing', 'completed', 'failed'];
const PAGE = 20;

export function jobPage({id, query, show, title, may}) {
    const api = `/api/jobs/${encodeURIComponent(id)}`;
    let wanted = query;
    let job = null;
    let causes = [];
    let items = null;
    let series = null;
    let lost = false;
    const places = new Map();
    show(loading('the job'));

    async function load() {
        try {
            const asked = wanted;
            const [aJob, failures, theSeries, page] = await Promise.all(
                [get(api), get(`${api}/failures`), get(`${api}/series`), get(`${api}/items?${filter(asked)}`)]);
            [job, causes, series] = [aJob, placed(failures.causes), theSeries];
            items = asked === wanted ? page : items;
            draw();
        } catch (error) {
            if (job === null) {
                show(failure(error, load));
            }
        }
    }

    /** A cause keeps its place while the page is open, or its button would move away under the reader's hand. */
    function placed(found) {
        found.filter(cause => !places.has(cause.code)).forEach(cause => places.set(cause.code, places.size));
        return found.toSorted((one, other) => places.get(one.code) - places.get(other.code));
    }

    /** The list and the charts follow what the events tell, at a reader's pace. */
    const follow = calmly(async () => {
        const asked = wanted;
        const [theSeries, page] = await Promise.all([get(`${api}/series`), get(`${api}/items?${filter(asked)}`)]).catch(() => []);
        if (page && asked === wanted) {
            [series, items] = [theSeries, page];
            draw();
        }
    }, 2000);

    const silence = listen(id, {
        job: news => {
            if (job && job.status !== news.job.status) {
                announce(`The job is ${news.job.status}.`);
            }
            job = news.job;
            causes = placed(news.failures.causes);
            draw();
            follow();
        },
    }, connected => {
        if (connected && lost) {
            load();
        }
        lost = !connected;
        draw();
    });
    load();

    function draw() {
        if (!job || !items) {
            return;
        }
        title(job.name);
        show(head(), how(), figures(), facts(), charts(), failures(), list());
        jobCharts(document.getElementById('charts'), series, {budgetUsd: job.budgetUsd});
    }

    const head = () => h('div', {key: 'head'},
        h('p', {class: 'trail'}, link('#/', 'Jobs')),
        h('div', {class: 'head'},
            h('div', {}, h('div', {class: 'title'}, h('h1', {}, job.name), badge(job.status)),
                h('p', {class: 'sub mono'}, job.id)),
            may('operate') && h('div', {class: 'row actions'}, ACTIONS.filter(action => action.when(job)).map(action => h('button', {
                key: action.verb, type: 'button', class: action.danger ? 'danger' : null, on: {click: () => ask(action)},
            }, `${action.verb}…`)))));

    const how = () => h('section', {key: 'how', class: 'panel meter', 'aria-label': 'Progress'},
        h('div', {class: 'between'},
            h('strong', {}, `${number(job.completed)} / ${number(job.total)} completed`),
            h('strong', {}, percent(job.percentage))),
        progress(job),
        h('p', {class: 'small muted two line', title: job.statusReason}, lost ? disconnected() : said(job)));

    const figures = () => h('dl', {key: 'figures', class: 'tiles'},
        tile('Successful', number(job.successful), job.completed ? `rate ${percent(job.successRate)}` : '–', job.successful ? 'good' : null),
        tile('Failed', number(job.failed), job.failed ? plural(causes.length, 'cause') : 'none', job.failed ? 'bad' : null),
        tile('Remaining', number(job.total - job.completed), `${number(job.inFlight ?? 0)} in flight`),
        tile('Total', number(job.total), `${words(job.priority)} priority`));

    const facts = () => h('section', {key: 'facts', class: 'panel', 'aria-label': 'Times and money'}, h('dl', {class: 'facts four'},
        fact('Started', dateTime(job.startedAt)),
        fact('Time left', roughly(job.remainingSeconds)),
        fact('Completed', dateTime(job.completedAt)),
        fact('Budget', job.budgetUsd === null ? 'none' : money(job.budgetUsd)),
        fact('Cost so far', money(job.costUsd)),
        fact('Projected', money(job.projectedCostUsd ?? job.estimatedCostUsd)),
        fact('Cost unknown', plural(job.unknownCostCalls, 'call')),
        fact('Possibly paid twice', plural(job.possiblyPaidTwice, 'call')),
        h('div', {key: 'error', class: 'wide'}, h('dt', {}, 'Last item error'),
            h('dd', {class: 'two', title: job.lastItemError}, job.lastItemError ?? 'none')),
        job.delivery !== 'live' && h('div', {key: 'batches', class: 'wide'}, h('dt', {}, 'Batches at the provider'),
            h('dd', {class: 'two'}, job.batches.map(batch).join('; ') || 'none yet')),
        h('div', {key: 'log', class: 'wide'}, h('dt', {}, 'Log'), h('dd', {}, logLink(job))),
        h('div', {key: 'report', class: 'wide'}, h('dt', {}, 'Report'),
            h('dd', {}, job.report ? link(job.report, 'Report of the last run') : 'none yet'))));

    const charts = () => h('section', {key: 'over time', class: 'panel', 'aria-labelledby': 'over-time'},
        h('h2', {id: 'over-time'}, 'Over time'), h('div', {id: 'charts', class: 'charts', foreign: true}));

    const failures = () => h('section', {key: 'failures', class: 'panel causes', 'aria-labelledby': 'failures'},
        h('div', {class: 'between'}, h('h2', {id: 'failures'}, 'Failures by cause'),
            may('operate') && h('button', {
                type: 'button', class: 'small', disabled: job.failed === 0 || job.status === 'cancelled', on: {click: () => ask(retry('Retry all failed items', {all: true}))},
            }, 'Retry all…')),
        table({caption: 'Failures by cause', rows: causes, key: cause => cause.code, empty: 'Nothing has failed.', columns: [
            {name: 'Cause', width: '26%', header: true, cell: cause => [link(href({status: 'failed', code: cause.code}), h('code', {}, cause.code)),
                h('span', {class: 'small muted'}, cause.retryable ? ' may pass' : ' will not pass by itself')]},
            {name: 'Items', width: '8%', num: true, cell: cause => number(cause.items)},
            {name: 'For example', width: '52%', wide: true, cell: cause => h('span', {class: 'two', title: cause.example}, cause.example)},
            ...may('operate') && job.status !== 'cancelled' ? [{name: 'Again', width: '14%', num: true, cell: cause => h('button', {
                type: 'button', class: 'small', 'aria-label': `Retry ${cause.code}`,
                on: {click: () => ask(retry(`Retry what failed with ${cause.code}`, {codes: [cause.code]}))},
            }, 'Retry…')}] : [],
        ]}));

    function list() {
        const [status, code, after] = ['status', 'code', 'after'].map(name => wanted.get(name) ?? '');
        return h('section', {key: 'items', class: 'panel items', 'aria-labelledby': 'items'},
            h('div', {class: 'between'}, h('h2', {id: 'items'}, 'Items'),
                segments('Items by state', STATES, status, state => href({status: state}))),
            code && h('p', {class: 'row'}, h('span', {class: 'badge plain'}, code), link(href({status}), 'of any cause')),
            table({caption: 'Items by position', rows: items.items, key: item => item.id, columns: COLUMNS,
                empty: status || code ? `No item is ${status || 'so'}${code ? ` with ${code}` : ''}.` : 'This job has no items.'}),
            h('div', {class: 'between'}, pager(after && href({status, code}), items.next && href({status, code, after: items.next})),
                h('form', {class: 'inline', on: {submit: jump}},
                    h('label', {for: 'from'}, 'From position'),
                    h('input', {id: 'from', name: 'from', inputmode: 'numeric', pattern: '[0-9]+', size: 7, autocomplete: 'off', value: '1'}),
                    h('button', {}, 'Go'))));
    }

    function jump(event) {
        event.preventDefault();
        const from = Number(new FormData(event.target).get('from'));
        location.hash = href({status: wanted.get('status'), code: wanted.get('code'), after: Math.max(0, from - 1) || null}).slice(1);
    }

    function href(filters) {
        const chosen = new URLSearchParams(Object.entries(filters).filter(([, value]) => value));
        return `#/jobs/${id}${chosen.size ? `?${chosen}` : ''}`;
    }

    async function ask(action) {
        const answer = await confirm({
            title: `${action.title ?? action.verb}: ${job.name}`, verb: action.verb, danger: action.danger, fields: action.fields?.(job),
            explain: action.preview ? () => post(`${api}/preview`, action.preview) : async () => action.says,
            act: form => post(`${api}/${action.path}`, action.body?.(form)),
        });
        if (answer) {
            job = answer.job ?? answer;
            announce(action.done(answer));
            draw();
            load();
        }
    }

    return {
        async change(query) {
            wanted = query;
            items = await get(`${api}/items?${filter(query)}`).catch(() => items);
            if (wanted === query) {
                draw();
            }
        },
        close: silence,
    };
}

const open = job => ['queued', 'processing'].includes(job.status);

/** Batches of a job that are in the same state, in a few words. */
const batch = some => `${plural(some.batches, 'batch', 'batches')} ${words(some.status.toLowerCase())}: ` + (some.processing
    ? `${number(some.processing)} of ${number(some.items)} to be answered, sent ${dateTime(some.oldest)}, expires ${dateTime(some.expires)}`
    : `${number(some.items)} items, ${number(some.succeeded)} succeeded, ${number(some.errored + some.expired + some.canceled)} not`);

const retry = (title, which) => ({
    title, verb: 'Retry', path: 'retry', preview: {action: 'retry', ...which}, body: () => which,
    done: answer => `${plural(answer.items, 'item')} queued again.`,
});

const ACTIONS = [
    {verb: 'Resume', path: 'resume', when: job => job.status === 'paused', preview: {action: 'resume'}, done: () => 'Resumed.'},
    {verb: 'Pause', path: 'pause', when: open, preview: {action: 'pause'}, done: () => 'Paused.'},
    {
        verb: 'Priority', title: 'Change the priority', path: 'priority', when: job => open(job) || job.status === 'paused',
        says: {says: 'Items of a job with a higher priority are claimed first. It costs nothing, and calls in flight go on.'},
        fields: job => h('div', {class: 'field'}, h('label', {for: 'priority'}, 'Priority'),
            h('select', {id: 'priority', name: 'priority', value: job.priority}, ['high', 'normal', 'low'].map(p => h('option', {value: p}, p)))),
        body: form => ({priority: form.get('priority')}), done: job => `The priority is ${job.priority}.`,
    },
    {verb: 'Cancel', title: 'Cancel the job', path: 'cancel', danger: true, when: job => open(job) || job.status === 'paused',
        preview: {action: 'cancel'}, done: () => 'Cancelled.'},
];

/** How it goes, in a sentence; always one, so that nothing below it moves. */
function said(job) {
    if (job.statusReason) {
        return job.statusReason;
    }
    if (!open(job)) {
        return {completed: 'All items are through.', paused: 'Paused.', cancelled: 'Cancelled.'}[job.status] ?? words(job.status);
    }
    if (job.status === 'queued' || !job.ratePerMinute) {
        return job.status === 'queued' ? 'Waits for a process that works it off.' : 'Has just begun.';
    }
    return `${number(Math.round(job.ratePerMinute * 10) / 10)} items per minute, about ${roughly(job.remainingSeconds)} left`;
}

/** The log is an object of the store, and stays there. */
function logLink(job) {
    return job.log.startsWith('gs://')
        ? h('a', {href: `https://storage.cloud.google.com/${job.log.slice(5)}`, rel: 'noreferrer'}, job.log)
        : h('code', {}, job.log);
}

function filter(query) {
    const asked = new URLSearchParams(query);
    asked.set('limit', PAGE);
    return asked;
}

/** A line an item, whatever befalls it. */
const COLUMNS = [
    {name: 'Item', width: '34%', header: true, wide: true, cell: item => h('span', {class: 'clip'},
        link(`#/items/${item.id}`, `${number(item.position)}`), ' ', item.topic ?? h('span', {class: 'muted'}, 'no topic'))},
    {name: 'State', width: '12%', cell: item => badge(item.status)},
    {name: 'Tries', width: '7%', num: true, cell: item => number(item.attempts)},
    {name: 'Processed', width: '15%', class: 'keep', cell: item => dateTime(item.processedAt)},
    {name: 'Outcome', width: '32%', wide: true, cell: item => h('span', {class: 'clip', title: item.errorMessage},
        item.conversationId ? link(`#/conversations/${item.conversationKey}`, 'Read the conversation')
            : item.errorCode ? [h('code', {}, item.errorCode), ` ${item.errorMessage ?? ''}`] : '–')},
];
