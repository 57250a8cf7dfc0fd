// Keeps account of everything that is written to the page from now on.
const watched = window.watched = {};
const stays = [...document.querySelectorAll('header *, main h1, .tile, .progress, .facts > div, svg.plot, .items tbody tr')];
new PerformanceObserver(list => list.getEntries().filter(entry => !entry.hadRecentInput).forEach(entry => {
    watched.shift += entry.value;
    watched.shifts.push(...entry.sources.map(source => (source.node?.outerHTML ?? source.node?.data ?? '?').slice(0, 120)));
})).observe({type: 'layout-shift'});
new MutationObserver(mutations => {
    watched.mutations += mutations.length;
    const removed = new Set(mutations.flatMap(mutation => [...mutation.removedNodes]).map(node => node.outerHTML ?? node.data));
    for (const mutation of mutations) {
        const now = mutation.type === 'attributes' ? mutation.target.getAttribute(mutation.attributeName) : mutation.target.data;
        if (mutation.type !== 'childList' && mutation.oldValue === now) {
            watched.rewritten.push(`${mutation.target.nodeName} ${mutation.attributeName ?? ''} ${now}`);
        }
        [...mutation.addedNodes].map(node => node.outerHTML ?? node.data).filter(html => removed.has(html))
            .forEach(html => watched.replaced.push(html.slice(0, 200)));
    }
}).observe(document, {subtree: true, childList: true, characterData: true, attributes: true, characterDataOldValue: true, attributeOldValue: true});
watched.begin = () => Object.assign(watched, {shift: 0, shifts: [], mutations: 0, rewritten: [], replaced: []});
watched.report = () => ({
    ...watched, begin: null, report: null, busy: watched.mutations > 50,
    gone: stays.filter(node => !node.isConnected).map(node => node.outerHTML.slice(0, 120)),
});
watched.begin();
