/** What several pages are made of. */
import {h, patch} from './dom.js';
import {number, percent, words} from './format.js';

const MOOD = {
    completed: 'good', approved: 'good', generated: 'good', success: 'good', UP: 'good', ended: 'good',
    failed: 'bad', parse_failed: 'bad', rejected: 'bad', timeout: 'bad', DOWN: 'bad',
    paused: 'warn', pending_review: 'warn', needs_revision: 'warn', rate_limited: 'warn', DEGRADED: 'warn',
    processing: 'live', active: 'live',
};

/** A state as a word with a colour. */
export const badge = (state, text = words(state)) => h('span', {class: 'badge', 'data-is': MOOD[state]}, text);

/** The server does not answer; the page goes on by itself once it does. */
export const disconnected = () => [h('span', {class: 'badge', 'data-is': 'warn'}, 'disconnected'), ' The server does not answer; trying again…'];

/** The share that succeeded and the share that failed, on one track. */
export function progress(job, {thin = false} = {}) {
    const share = n => job.total ? n / job.total : 0;
    return h('div', {
        class: thin ? 'progress thin' : 'progress', role: 'progressbar', 'aria-valuemin': 0, 'aria-valuemax': 100,
        'aria-valuenow': job.percentage, 'aria-label': `Progress of ${job.name}`,
        'aria-valuetext': `${number(job.completed)} of ${number(job.total)} completed, ${number(job.failed)} of them failed`,
    },
    h('i', {class: 'done', style: {transform: `scaleX(${share(job.successful)})`}}),
    h('i', {class: 'failed', style: {transform: `translateX(${100 * share(job.successful)}%) scaleX(${share(job.failed)})`}}));
}

/** A figure with its name; the second line may be left out. */
export const tile = (name, value, more, mood) => h('div', {key: name, class: 'tile', 'data-is': mood},
    h('dt', {}, name), h('dd', {}, value), more === undefined ? null : h('dd', {}, more));

export const fact = (name, ...value) => h('div', {key: name}, h('dt', {}, name), h('dd', {}, ...value));

/**
 * A table that turns into a list of cards where it is narrow; the roles keep it a table for who hears it.
 *
 * @param columns {name, num, cell(row), width: its share, so that no content moves its neighbours, header: true for the one that
 *     names the row, wide: a line of its own on a card}
 * @param empty what stands there when there are no rows
 */
export function table({caption, columns, rows, key, empty}) {
    const head = h('thead', {role: 'rowgroup'}, h('tr', {role: 'row'},
        columns.map(column => h('th', {
            scope: 'col', role: 'columnheader', class: column.num ? 'num' : null, style: {width: column.width},
        }, column.name))));
    const body = rows.map(row => h('tr', {role: 'row', key: String(key(row))}, columns.map(column =>
        h(column.header ? 'th' : 'td', {
            scope: column.header ? 'row' : null, role: column.header ? 'rowheader' : 'cell', 'data-name': column.name,
            class: [column.num && 'num', column.wide && 'wide', column.class].filter(Boolean).join(' ') || null,
        }, column.cell(row)))));
    return rows.length === 0
        ? h('p', {key: `no ${caption}`, class: 'blank'}, empty)
        : h('table', {key: caption, class: 'cards', role: 'table'},
            h('caption', {class: 'sr'}, caption), head, h('tbody', {role: 'rowgroup'}, body));
}

/** Choices as links, of which one is the current. */
export const segments = (label, choices, current, href) => h('nav', {class: 'segments', 'aria-label': label},
    choices.map(choice => h('a', {href: href(choice), 'aria-current': choice === current ? 'true' : null},
        choice ? words(choice) : 'all')));

/** To the first page and to the next one. The reader's own "back" leads to the one before. */
export const pager = (first, next) => (first || next) && h('nav', {class: 'row', 'aria-label': 'Pages'},
    h('a', first ? {class: 'button', href: first} : {class: 'button', 'aria-disabled': 'true'}, 'First'),
    h('a', next ? {class: 'button', href: next} : {class: 'button', 'aria-disabled': 'true'}, 'Next'));

export const loading = what => h('p', {key: 'loading', class: 'blank', role: 'status'}, `Loading ${what}…`);

/** A whole page that cannot be shown. */
export const failure = (error, retry) => h('div', {key: 'failure', class: 'panel blank', role: 'alert'},
    h('h1', {}, error.status === 404 ? 'Not found' : 'This cannot be shown'), h('p', {}, error.message),
    retry && error.status !== 404 ? h('p', {}, h('button', {type: 'button', on: {click: retry}}, 'Try again')) : null);

/** Something that does not work while the rest does; nothing where there is no error. */
export const objection = error => error && h('p', {class: 'note', 'data-is': 'bad', role: 'alert'}, error.message);

export const link = (href, ...children) => h('a', {href}, ...children);

/** Told to who listens rather than looks; sparingly. */
export function announce(text) {
    document.getElementById('announced').textContent = text;
}

/**
 * Asks before something is done. Resolves with the answer of the server once it is done, and with null when it is left.
 *
 * @param title what is about to be done
 * @param verb the button's word
 * @param explain resolves with {says}: what will happen and what it may cost
 * @param act does it; given the form's data
 * @param fields more to choose from, in between
 */
export function confirm({title, verb, danger = false, explain, act, fields = []}) {
    const dialog = document.body.appendChild(document.createElement('dialog'));
    dialog.setAttribute('aria-labelledby', 'dialog-title');
    dialog.setAttribute('aria-describedby', 'dialog-says');
    return new Promise(resolve => {
        let done = null;
        const state = {preview: null, busy: false, error: null};
        const change = news => {
            Object.assign(state, news);
            patch(dialog, h('form', {method: 'dialog', on: {submit}},
                h('h2', {id: 'dialog-title'}, title),
                h('div', {class: 'says', id: 'dialog-says', 'aria-live': 'polite'},
                    h('p', {}, state.preview ? state.preview.says : state.error ? '' : 'Working out what this means…')),
                fields,
                objection(state.error),
                h('div', {class: 'row'},
                    h('button', {type: 'button', on: {click: () => dialog.close()}}, 'Leave it'),
                    h('button', {class: danger ? 'primary danger' : 'primary', disabled: !state.preview || state.busy}, verb))));
        };
        async function submit(event) {
            event.preventDefault();
            change({busy: true, error: null});
            try {
                done = await act(new FormData(event.target));
                dialog.close();
            } catch (error) {
                change({busy: false, error});
            }
        }
        dialog.addEventListener('close', () => {
            dialog.remove();
            resolve(done);
        });
        change({});
        dialog.showModal();
        explain().then(preview => change({preview}), error => change({error}));
    });
}

/** Of what is through; nothing is said before anything is. */
export const success = job => job.completed ? percent(job.successRate) : '–';
