/** One item: what it asks for, and each call that was made for it. */
import {get} from './api.js';
import {h} from './dom.js';
import {clock, dateTime, duration, money, number, plural, words} from './format.js';
import {badge, fact, failure, link, loading} from './parts.js';

export function itemPage({id, show, title}) {
    show(loading('the item'));
    get(`/api/items/${encodeURIComponent(id)}`).then(explanation => {
        title(`Item ${explanation.item.position} of ${explanation.job.name}`);
        show(view(explanation));
    }, error => show(failure(error)));
    return {};
}

function view({item, job, parameters, parametersProblem, calls, costUsd, elsewhere, retry}) {
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
                ? [item.retryable ? 'This may pass. ' : 'This will not pass by itself. ', 'Try it again: ', h('code', {}, retry)]
                : `It is queued again, and may be tried from ${dateTime(item.availableAt)}.`)),
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
