/** A new job: choose personas × arcs × topics, see what that comes to, enqueue it. */
import {get, post} from './api.js';
import {h} from './dom.js';
import {number, plural, range, words} from './format.js';
import {announce, confirm, failure, loading, objection} from './parts.js';

const KINDS = [['personas', 'Personas'], ['arcs', 'Emotional arcs'], ['topics', 'Topics']];
const DELIVERIES = [
    {key: 'live', label: 'live', hint: 'Each at once, at the full price.'},
    {key: 'batch', label: 'batch', hint: 'Many at once, at half the price; answered within a day.'},
    {key: 'batch-then-live', label: 'batch, then live', hint: 'By batch first, and live what comes back from there without an answer.'},
];
const PAUSE = 300; // milliseconds without a key stroke before the server is asked

export function newJobPage({show, title, may}) {
    const chosen = {personas: new Set(), arcs: new Set(), topics: new Set()};
    const rest = {name: '', tier: 'template', priority: 'normal', budgetUsd: '', template: '', delivery: 'live'};
    let catalog = null;
    let estimate = null;
    let objected = null;
    let asking = null;
    let timer = 0;
    title('New job');
    if (!may('operate')) {
        show(failure({message: 'To start a job needs the right to operate.'}));
        return {};
    }
    show(loading('the catalog'));
    get('/api/catalog').then(answer => {
        catalog = answer;
        draw();
    }, error => show(failure(error)));

    const count = () => chosen.personas.size * chosen.arcs.size * chosen.topics.size;

    const body = () => ({
        ...Object.fromEntries(KINDS.map(([kind]) => [kind, [...chosen[kind]]])),
        name: rest.name.trim(), tier: rest.tier, priority: rest.priority, delivery: rest.delivery,
        budgetUsd: rest.budgetUsd === '' ? null : Number(rest.budgetUsd), template: rest.template || null,
    });

    function changed() {
        clearTimeout(timer);
        asking?.abort();
        if (count() === 0) {
            estimate = null;
        } else {
            timer = setTimeout(ask, PAUSE);
        }
        draw();
    }

    async function ask() {
        asking = new AbortController();
        const {signal} = asking;
        try {
            // a name may still be missing while one chooses; what it costs does not hang on it
            const answer = await post('/api/jobs/estimate', {...body(), name: rest.name.trim() || 'New job'});
            if (!signal.aborted) {
                [estimate, objected] = [answer, null];
                draw();
            }
        } catch (error) {
            if (!signal.aborted) {
                [estimate, objected] = [null, error];
                draw();
            }
        }
    }

    function choose(kind, key, on) {
        chosen[kind][on ? 'add' : 'delete'](key);
        changed();
    }

    async function enqueue(event) {
        event.preventDefault();
        const job = await confirm({
            title: `Enqueue ${plural(count(), 'conversation')}`, verb: 'Enqueue',
            explain: async () => ({
                says: `They are worked off as soon as a process takes them, and ${costs()}. The job can be paused or cancelled at any time.`,
            }),
            act: () => post('/api/jobs', {...body(), confirmedUsd: estimate.highUsd}),
        });
        if (job) {
            announce(`${plural(job.total, 'item')} enqueued.`);
            location.hash = `#/jobs/${job.id}`;
        }
    }

    const costs = () => estimate.highUsd === null ? 'nobody knows what that costs'
        : estimate.highUsd === 0 ? 'cost nothing' : `may cost ${range(estimate.lowUsd, estimate.highUsd)}`;

    function draw() {
        show(h('div', {class: 'head'}, h('div', {}, h('h1', {}, 'New job'),
            h('p', {class: 'sub'}, 'Every combination of what you choose becomes one conversation.'))),
        h('form', {class: 'wizard', on: {submit: enqueue}},
            h('div', {class: 'choices'}, KINDS.map(([kind, label]) => choices(kind, label)), settings()),
            summary()));
    }

    function choices(kind, label) {
        const rows = catalog[kind];
        const all = rows.filter(row => row.active !== false).map(row => row.key);
        return h('fieldset', {class: 'panel', key: kind},
            h('div', {class: 'between'}, h('legend', {}, h('h2', {}, label)),
                h('div', {class: 'row'}, h('span', {class: 'small muted'}, `${chosen[kind].size} of ${rows.length}`),
                    h('button', {type: 'button', class: 'small', on: {click: () => {
                        const none = chosen[kind].size > 0;
                        chosen[kind] = new Set(none ? [] : all);
                        changed();
                    }}}, chosen[kind].size > 0 ? 'None' : 'All', h('span', {class: 'sr'}, ` of the ${label.toLowerCase()}`)))),
            rows.length === 0 ? h('p', {class: 'blank'}, 'The catalog has none.')
                : h('ul', {class: 'checks'}, rows.map(row => h('li', {key: row.key}, h('label', {class: 'check'},
                    h('input', {type: 'checkbox', checked: chosen[kind].has(row.key), on: {change: e => choose(kind, row.key, e.target.checked)}}),
                    h('span', {}, row.name || row.key, more(kind, row) && h('small', {class: 'muted'}, more(kind, row))))))));
    }

    const field = (name, label, control, hint) => {
        const problem = estimate?.problems.find(it => it.field === name)?.message;
        return h('div', {class: 'field', key: name}, h('label', {for: name}, label), control,
            problem ? h('p', {class: 'problem'}, problem) : hint && h('p', {class: 'hint'}, hint));
    };

    const typed = name => ({id: name, name, autocomplete: 'off', on: {input: event => {
        rest[name] = event.target.value;
        changed();
    }}});

    const select = (name, options) => h('select', {...typed(name), value: rest[name]},
        options.map(([value, text]) => h('option', {value}, text)));

    const settings = () => h('fieldset', {class: 'panel', key: 'settings'}, h('legend', {class: 'first'}, h('h2', {}, 'Settings')),
        h('div', {class: 'fields'},
            field('name', 'Name', h('input', {...typed('name'), required: true, maxlength: 200})),
            field('budgetUsd', 'Budget, US dollars', h('input', {...typed('budgetUsd'), type: 'number', min: '0.0001', step: 'any', inputmode: 'decimal'}),
                'Pauses before it is exceeded. Empty is none.'),
            field('tier', 'Tier', select('tier', catalog.tiers.map(tier => [tier.key ?? tier, words(tier.key ?? tier)]))),
            field('priority', 'Priority', select('priority', ['high', 'normal', 'low'].map(p => [p, p]))),
            field('delivery', 'Delivery', select('delivery', DELIVERIES.map(({key, label}) => [key, label])),
                DELIVERIES.find(({key}) => key === rest.delivery).hint),
            field('template', 'Template', select('template', [['', 'chosen by arc and tier'],
                ...catalog.templates.filter(template => template.active !== false).map(template => [template.id, template.name])]))));

    function summary() {
        const n = count();
        const sizes = KINDS.map(([kind]) => number(chosen[kind].size)).join(' × ');
        const problems = (estimate?.problems ?? []).filter(problem => !['name', 'budgetUsd', 'tier', 'priority', 'delivery', 'template'].includes(problem.field));
        return h('aside', {class: 'panel summary', 'aria-labelledby': 'comes-to'}, h('h2', {id: 'comes-to'}, 'This comes to'),
            h('dl', {},
                h('div', {class: 'plain-tile'}, h('dt', {}, sizes), h('dd', {}, plural(n, 'conversation'))),
                h('div', {class: 'plain-tile'}, h('dt', {}, 'Estimate'), h('dd', {},
                    n === 0 || !estimate || estimate.problems.length > 0 ? '–' : estimate.highUsd === null ? 'not known' : estimate.highUsd === 0 ? 'free' : range(estimate.lowUsd, estimate.highUsd)))),
            estimate?.basis && h('p', {class: 'small muted'}, `Basis: ${estimate.basis}.`),
            objection(objected),
            problems.map(problem => h('p', {class: 'note', 'data-is': 'bad'}, problem.message)),
            estimate?.warnings.length > 0 && h('div', {class: 'note', 'data-is': 'warn'},
                h('h3', {}, plural(estimate.warnings.length, 'warning')),
                h('ul', {class: 'small warnings'}, estimate.warnings.map(text => h('li', {key: text}, text)))),
            h('button', {class: 'primary', disabled: n === 0 || !estimate || estimate.problems.length > 0}, 'Enqueue…'));
    }

    return {close: () => clearTimeout(timer)};
}

/** What tells a row from its neighbours, in a few words. */
function more(kind, row) {
    const text = kind === 'personas' ? [row.archetype, row.occupation]
        : kind === 'arcs' ? [row.startingEmotion && `${words(row.startingEmotion)} → ${words(row.endingEmotion)}`]
        : [row.category && words(row.category), row.complexity];
    return [...text, row.active === false && 'not active'].filter(Boolean).join(' · ');
}
