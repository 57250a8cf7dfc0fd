/** All jobs, newest first. */
import {calmly, get, listen} from './api.js';
import {h} from './dom.js';
import {dateTime, money, number, percent, roughly} from './format.js';
import {badge, disconnected, failure, link, loading, pager, progress, segments, success, table} from './parts.js';

const STATES = ['', 'queued', 'processing', 'paused', 'completed', 'failed', 'cancelled'];
const PAGE = 20;

export function jobsPage({query, show, title, may}) {
    let wanted = query;
    let jobs = null;
    let next = null;
    let schedules = [];
    let lost = false;
    title('Jobs');
    show(loading('jobs'));

    const load = async () => {
        const asked = wanted;
        try {
            const [page, all] = await Promise.all([get(`/api/jobs?${filter(asked)}`), get('/api/schedules')]);
            if (asked === wanted) {
                ({jobs, next} = page);
                ({schedules} = all);
                draw();
            }
        } catch (error) {
            show(failure(error, load));
        }
    };
    const reload = calmly(load, 1000);
    load();

    const silence = listen(null, {
        jobs: changed => {
            const news = new Map(changed.map(job => [job.id, job]));
            const isNew = job => !jobs.some(known => known.id === job.id);
            if (jobs === null) {
                return; // the first answer is on its way
            }
            if (wanted.get('status') || !wanted.get('after') && changed.some(isNew)) {
                reload();
            } else {
                jobs = jobs.map(job => news.get(job.id) ?? job);
                draw();
            }
        },
    }, connected => {
        if (connected && lost) {
            reload();
        }
        lost = !connected;
        draw();
    });

    function draw() {
        if (!jobs) {
            return;
        }
        const status = wanted.get('status') ?? '';
        show(
            h('div', {class: 'head'}, h('div', {}, h('h1', {}, 'Jobs')),
                may('operate') && h('a', {class: 'button primary', href: '#/new'}, 'New job')),
            h('div', {class: 'between'},
                segments('By state', STATES, status, state => state ? `#/?status=${state}` : '#/'),
                h('p', {class: 'small muted', role: 'status'}, lost ? disconnected() : '')),
            h('div', {class: 'panel'}, table({
                caption: 'Jobs, newest first', rows: jobs, key: job => job.id, columns: columns(),
                empty: status ? `No job is ${status}.` : [h('strong', {}, 'No jobs yet'),
                    'Start one here with “New job”, or with ', h('code', {}, 'parley enqueue JOBFILE'), '.'],
            })),
            pager(wanted.get('after') && page(null), next && page(next)),
            schedules.length > 0 && h('div', {class: 'panel'}, h('h2', {}, 'Schedules'), table({
                caption: 'Scheduled job files', rows: schedules, key: schedule => schedule.name, columns: SCHEDULE, empty: '',
            })));
    }

    const page = after => '#/?' + new URLSearchParams(
        [['status', wanted.get('status')], ['after', after]].filter(([, value]) => value));

    return {
        change(query) {
            wanted = query;
            load();
        },
        close: silence,
    };
}

function filter(query) {
    const asked = new URLSearchParams(query);
    asked.set('limit', PAGE);
    return asked;
}

const columns = () => [
    {name: 'Job', width: '34%', header: true, wide: true, cell: job => [
        h('span', {class: 'title'}, link(`#/jobs/${job.id}`, job.name), badge(job.status)),
        h('span', {class: 'small muted'}, dateTime(job.createdAt))]},
    {name: 'Progress', width: '24%', wide: true, class: 'track', cell: job => [
        progress(job, {thin: true}),
        h('span', {class: 'small muted'}, `${number(job.completed)} / ${number(job.total)} · ${percent(job.percentage)}`)]},
    {name: 'Successful', width: '10%', num: true, cell: success},
    {name: 'Per minute', width: '10%', num: true, cell: job => job.ratePerMinute === null ? '–' : number(Math.round(job.ratePerMinute * 10) / 10)},
    {name: 'Time left', width: '9%', num: true, cell: job => roughly(job.remainingSeconds)},
    {name: 'Cost', width: '13%', num: true, cell: job => [money(job.costUsd), h('span', {class: 'small muted'},
        job.budgetUsd === null ? '' : ` of ${money(job.budgetUsd)}`)]},
];

const SCHEDULE = [
    {name: 'Job file', width: '24%', header: true, cell: schedule => schedule.name},
    {name: 'When', width: '32%', cell: schedule => [h('code', {}, schedule.cron), ` ${schedule.zone}`]},
    {name: 'Next', width: '20%', cell: schedule => dateTime(schedule.nextTick)},
    {name: 'Last came to', width: '24%', cell: schedule => schedule.outcome === null ? 'none yet'
        : schedule.job ? link(`#/jobs/${schedule.job}`, schedule.outcome) : [schedule.outcome, schedule.detail && `: ${schedule.detail}`]},
];
