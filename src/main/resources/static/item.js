/** One item: what it asks for, and each call that was made for it. */
import {get, post} from './api.js';
import {h} from './dom.js';
import {clock, dateTime, duration, money, number, plural, range, words} from './format.js';
import {announce, badge, confirm, fact, failure, link, loading} from './parts.js';

export function itemPage({id, show, title, may}) {
    show(loading('the item'));
    const load = () => get(`/api/items/${encodeURIComponent(id)}`).then(explanation => {
        title(`Item ${explanation.item.position} of ${explanation.job.name}`);
        show(view(explanation, may('operate') && again(explanation, load)));
    }, error => show(failure(error)));
    load();
    return {};
}

/** What can be done for an item that failed; nothing otherwise. An answer that is stored would come to the same again. */
function again(explanation, load) {
    const {item, job, parameters, calls} = explanation;
    if (item.status !== 'failed' || job.status === 'cancelled') {
        return null;
    }
    return calls.at(-1)?.status === 'success' && parameters ? {verb: 'Ask anew', act: () => askAnew(explanation)} : {verb: 'Retry', act: async () => {
        const which = {items: [item.id]};
        const answer = await confirm({
            title: `Retry item ${number(item.position)}: ${job.name}`, verb: 'Retry',
            explain: () => post(`/api/jobs/${job.id}/preview`, {action: 'retry', ...which}),
            act: () => post(`/api/jobs/${job.id}/retry`, which),
        });
        if (answer) {
            announce('The item is queued again.');
            load();
        }
    }};
}

async function askAnew({item, parameters: {persona, emotionalArc, trainingTopic, tier, template}}) {
    const order = {name: `Retry of one: ${item.topic ?? name(trainingTopic)}`.slice(0, 200), items: [{
        personaId: persona.id, emotionalArcId: emotionalArc.id, trainingTopicId: trainingTopic.id, tier, templateId: template?.id ?? null,
    }]};
    let quote;
    const job = await confirm({
        title: `Ask anew for item ${number(item.position)}`, verb: 'Enqueue',
        explain: async () => {
            quote = await post('/api/jobs/estimate', order);
            if (quote.problems.length) {
                throw new Error(quote.problems.map(problem => problem.message).join('; '));
            }
            return {says: `The answer to this item is stored, and would fail again. A job of its own asks for the same once more, which ${
                quote.highUsd === null ? 'costs nobody knows what' : quote.highUsd === 0 ? 'costs nothing' : `may cost ${range(quote.lowUsd, quote.highUsd)}`}. This item stays as it is.`};
        },
        act: () => post('/api/jobs', {...order, confirmedUsd: quote.highUsd}),
    });
    if (job) {
        announce('A job of one item is enqueued.');
        location.hash = `#/jobs/${job.id}`;
    }
}

function view({item, job, parameters, parametersProblem, calls, costUsd, elsewhere, retry}, remedy) {
    return [
        h('div', {},
            h('p', {class: 'trail'}, link('#/', 'Jobs'), ' / ', link(`#/jobs/${job.id}`, job.name)),
            h('div', {class: 'head'}, h('div', {},
                h('div', {class: 'title'}, h('h1', {}, `Item ${number(item.position)}`), badge(item.status)),
                h('p', {class: 'sub mono'}, item.id)),
            item.conversationId && h('a', {class: 'button', href: `#/conversations/${item.conversationKey}`}, 'Read the conversation'))),
        item.errorCode && h('div', {class: 'note', 'data-is': item.status === 'failed' ? 'bad' : 'warn'},
            h('p', {}, h('code', {}, item.errorCode), ` ${item.errorMessage ?? ''}`),
            h('p', {class: 'small'}, item.status === 'failed'
                ? [item.retryable ? 'This may pass. ' : 'This will not pass by itself. ', 'On the command line: ', h('code', {}, retry)]
                : `It is queued again, and may be tried from ${dateTime(item.availableAt)}.`),
            remedy && h('p', {}, h('button', {type: 'button', on: {click: remedy.act}}, `${remedy.verb}…`))),
        h('section', {class: 'panel', 'aria-labelledby': 'asks'}, h('h2', {id: 'asks'}, 'Parameters'),
            parameters ? h('dl', {class: 'facts'},
                made('Persona', parameters.persona, elsewhere?.persona),
                made('Emotional arc', parameters.emotionalArc, elsewhere?.emotionalArc),
                made('Topic', parameters.trainingTopic, elsewhere?.trainingTopic),
                fact('Tier', words(parameters.tier)),
                fact('Template', parameters.template ? name(parameters.template) : 'selected by arc and tier'),
                fact('All three together', succeeded(elsewhere?.combination)))
                : h('p', {class: 'note', 'data-is': 'bad'}, `The parameters cannot be read: ${parametersProblem}`)),
        h('section', {class: 'panel', 'aria-labelledby': 'attempts'},
            h('div', {class: 'between'}, h('h2', {id: 'attempts'}, 'Attempts'),
                h('p', {class: 'muted'}, `${money(costUsd)} in ${plural(calls.length, 'call')}`)),
            calls.length ? h('ol', {class: 'timeline'}, timeline(calls)) : h('p', {class: 'blank'}, 'No call was made for it yet.')),
    ];
}

function timeline(calls) {
    const longest = Math.max(...calls.map(call => call.durationMs ?? 0), 1);
    return calls.map(call => h('li', {'data-is': call.status === 'success' && call.stopReason !== 'refusal' ? 'good' : 'bad'},
        h('div', {class: 'between'},
            h('p', {class: 'title'}, h('strong', {}, `Attempt ${call.attempt}`), badge(call.status),
                call.stopReason && h('span', {class: 'small muted'}, `stopped: ${words(call.stopReason)}`)),
            h('time', {class: 'small muted', datetime: call.at, title: dateTime(call.at)}, clock(call.at))),
        h('div', {class: 'took'}, h('div', {class: 'span', 'aria-hidden': 'true'},
            h('i', {style: {transform: `scaleX(${(call.durationMs ?? 0) / longest})`}})),
        h('span', {class: 'num'}, call.durationMs === null ? 'unknown' : duration(call.durationMs / 1000))),
        call.errorCode && h('p', {class: 'bad'}, h('code', {}, call.errorCode), ` ${call.errorMessage ?? ''}`),
        h('p', {class: 'small muted'}, [
            call.model ? `${call.provider}, ${call.model}` : call.provider,
            `${number(call.inputTokens)} tokens in, ${number(call.outputTokens)} out`,
            call.costUsd === null ? 'cost unknown' : money(call.costUsd),
            call.requestId].filter(Boolean).join(' · '))));
}

const name = ingredient => ingredient.name || ingredient.key || ingredient.id || 'unknown';

const made = (what, ingredient, times) => fact(what, name(ingredient),
    h('div', {class: 'small muted'}, `succeeded in ${succeeded(times)}`));

const succeeded = times => times === undefined ? '–' : `${times >= 1000 ? '1,000 or more' : number(times)} other ${times === 1 ? 'conversation' : 'conversations'}`;
