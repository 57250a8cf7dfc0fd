/** The frame of the page: who looks, where they are, and which module shows it. */
import {get, cookie} from './api.js';
import {h, patch} from './dom.js';
import {failure} from './parts.js';
import {conversationPage} from './conversation.js';
import {itemPage} from './item.js';
import {jobPage} from './job.js';
import {jobsPage} from './jobs.js';
import {newJobPage} from './new.js';
import {trackerPage} from './tracker.js';

/**
 * By the address behind the #. A page is opened with {id, query, show, rights, title} and answers with {change, close}: change is
 * called when only the query has become another, close when the reader leaves.
 */
const PAGES = [
    [/^\/$/, jobsPage],
    [/^\/jobs\/([^/]+)$/, jobPage],
    [/^\/items\/([^/]+)$/, itemPage],
    [/^\/conversations\/([^/]+)$/, conversationPage],
    [/^\/new$/, newJobPage],
    [/^\/tracker(?:\/([^/]+))?$/, trackerPage],
];

const main = document.getElementById('main');
let me = {name: null, rights: [], loginRequired: false};
let open = null;

function route() {
    if (location.hash === '#main') { // the skip link
        return main.focus();
    }
    const [path, search = ''] = (location.hash.slice(1) || '/').split('?');
    const query = new URLSearchParams(search);
    if (open?.path === path) {
        return open.page.change?.(query);
    }
    open?.page.close?.();
    const first = open === null;
    const here = {path, page: {}};
    open = here;
    const show = (...children) => open === here && patch(main, h('div', {key: path, class: 'stack'}, children));
    const title = text => {
        const whole = text ? `${text} · Parley` : 'Parley';
        if (document.title !== whole) {
            document.title = whole;
        }
    };
    const [, id, page] = match(path);
    title('');
    places(path);
    if (page) {
        here.page = page({id, query, show, title, may: right => me.rights.includes(right)});
    } else {
        show(failure({status: 404, message: `Nothing is at ${path}.`}));
    }
    if (!first) {
        main.focus({preventScroll: true});
        window.scrollTo(0, 0);
    }
}

function match(path) {
    for (const [pattern, page] of PAGES) {
        const found = pattern.exec(path);
        if (found) {
            return [path, found[1] && decodeURIComponent(found[1]), page];
        }
    }
    return [];
}

function places(path) {
    const all = [['#/', 'Jobs', /^\/($|jobs|items|conversations)/], ['#/new', 'New job', /^\/new/], ['#/tracker', 'Tracker', /^\/tracker/]];
    patch(document.getElementById('places'), h('ul', {}, all
        .filter(([href]) => href !== '#/new' || me.rights.includes('operate'))
        .map(([href, label, pattern]) => h('li', {key: href}, h('a', {
            href, 'data-label': label, 'aria-current': pattern.test(path) ? 'page' : null,
        }, label)))));
}

function who() {
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? 'dark' : 'light')) === 'dark';
    const change = () => {
        document.documentElement.dataset.theme = isDark() ? 'light' : 'dark';
        localStorage.setItem('theme', document.documentElement.dataset.theme);
        draw();
    };
    const draw = () => patch(document.getElementById('who'),
        me.loginRequired && me.name && h('span', {class: 'name'}, me.name),
        h('button', {type: 'button', class: 'quiet', role: 'switch', 'aria-checked': String(isDark()), 'aria-label': 'Dark colours',
            title: isDark() ? 'To light colours' : 'To dark colours', on: {click: change}},
        h('svg', {viewBox: '0 0 24 24', 'aria-hidden': 'true'},
            h('path', {d: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm0 2.2v13.6a6.8 6.8 0 0 1 0-13.6z'}))),
        me.loginRequired && h('form', {method: 'post', action: '/logout'},
            h('input', {type: 'hidden', name: '_csrf', value: cookie('XSRF-TOKEN')}),
            h('button', {class: 'quiet small'}, 'Sign out')));
    dark.addEventListener('change', draw);
    draw();
}

async function start() {
    try {
        me = await get('/api/me');
    } catch (error) {
        patch(main, failure(error, () => location.reload()));
        return;
    }
    who();
    route();
    addEventListener('hashchange', route);
}

start();
