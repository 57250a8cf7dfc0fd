/** One conversation, to be read. What a model wrote is text here and nothing else. */
import {get} from './api.js';
import {h} from './dom.js';
import {dateTime, money, words} from './format.js';
import {badge, fact, failure, link, loading} from './parts.js';

export function conversationPage({id, show, title}) {
    const api = `/api/conversations/${encodeURIComponent(id)}`;
    show(loading('the conversation'));
    get(api).then(conversation => {
        title(conversation.title ?? 'Conversation');
        show(view(conversation, api));
    }, error => show(failure(error)));
    return {};
}

function view(conversation, api) {
    const {persona, emotionalArc, trainingTopic, turns, problem} = conversation;
    return [
        h('div', {},
            h('p', {class: 'trail'}, link('#/', 'Jobs')),
            h('div', {class: 'head'}, h('div', {},
                h('div', {class: 'title'}, h('h1', {}, conversation.title ?? 'Conversation'), badge(conversation.status)),
                h('p', {class: 'sub mono'}, conversation.key)),
            h('div', {class: 'row'},
                conversation.file && h('a', {class: 'button', href: `${api}/final`, download: true}, 'Final JSON'),
                conversation.rawFile && h('a', {class: 'button', href: `${api}/raw`, download: true}, 'Raw answer')))),
        h('section', {class: 'panel', 'aria-label': 'About'}, h('dl', {class: 'facts'},
            fact('Quality', conversation.qualityScore === null ? '–' : [h('strong', {}, conversation.qualityScore.toFixed(1)),
                h('span', {class: 'muted'}, ' of 10')]),
            fact('Review', conversation.requiresManualReview ? 'a person has to look' : 'none needed'),
            fact('Persona', name(persona)), fact('Emotional arc', name(emotionalArc)), fact('Topic', name(trainingTopic)),
            fact('Tier', words(conversation.tier)), fact('Model', conversation.model ?? '–'),
            fact('Cost', money(conversation.costUsd)), fact('Created', dateTime(conversation.createdAt)),
            conversation.processingStatus === 'completed' ? null : fact('Processing', badge(conversation.processingStatus)))),
        h('section', {class: 'panel', 'aria-labelledby': 'findings'}, h('h2', {id: 'findings'}, 'Findings'),
            findings(conversation.findings)),
        problem && h('p', {class: 'note', 'data-is': 'bad', role: 'alert'}, `The transcript cannot be shown: ${problem}`),
        turns.length > 0 && h('section', {class: 'panel', 'aria-labelledby': 'transcript'}, h('h2', {id: 'transcript'}, 'Transcript'),
            h('ol', {class: 'transcript'}, turns.map(turn))),
    ];
}

function findings(found) {
    const all = Array.isArray(found) ? found : found === null ? [] : [found];
    return all.length === 0 ? h('p', {class: 'muted'}, 'None.') : h('ul', {class: 'findings'}, all.map(finding => h('li', {},
        h('span', {class: 'badge', 'data-is': finding.severity === 'blocker' ? 'bad' : 'warn'}, finding.severity ?? 'finding'),
        ' ', typeof finding === 'string' ? finding : finding.what ? `${finding.where} ${finding.what}` : JSON.stringify(finding))));
}

function turn({turn_number: number, role, content, emotional_context: feeling}) {
    return h('li', {class: 'turn', 'data-role': role},
        h('div', {class: 'speaker'},
            h('p', {}, h('strong', {}, role),
                h('span', {class: 'small muted'}, ` ${number}`)),
            feeling && h('p', {class: 'small'}, [feeling.primary_emotion, feeling.secondary_emotion].filter(Boolean).map(words).join(', ')),
            feeling && h('p', {class: 'feeling', title: 'Intensity, 0 to 1'},
                h('span', {class: 'span', 'aria-hidden': 'true'}, h('i', {style: {transform: `scaleX(${feeling.intensity})`}})),
                h('span', {class: 'small muted'}, h('span', {class: 'sr'}, 'intensity '), feeling.intensity.toFixed(2)))),
        h('p', {class: 'words'}, content));
}

const name = ingredient => ingredient.name || ingredient.key || ingredient.id || '–';
