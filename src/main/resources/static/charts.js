/**
 * Charts of a job, drawn as SVG: throughput, latency, calls in flight and spend over time.
 *
 *     jobCharts(parent, series, {budgetUsd})
 *
 * parent     an element that holds nothing else; the charts take its width
 * series     what GET /api/jobs/{id}/series answers: {stepSeconds, points: [{at, completed, failed, p50Ms, p95Ms,
 *            inFlight, costUsd}]}; completed (successfully) and failed are counts of the step, costUsd is the sum so far,
 *            null is unknown
 * budgetUsd  a line to stay below; null or left out draws none
 *
 * A second call with the same parent touches only what has changed. The module needs no other one, so that its text can
 * stand in a page of its own: <script type="module"> this text, then a call of jobCharts </script>. Colours and sizes are
 * those of style.css.
 */

const SVG = 'http://www.w3.org/2000/svg';
const HEIGHT = 190;
const MARGIN = {left: 58, right: 14, top: 10, bottom: 26};
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];

/** Seconds that throughput is the mean of: single ones say little. */
const SMOOTH = 10;

const count = value => value >= 10_000 ? short(value / 1000) + ' k' : short(value);
const duration = ms => ms === 0 ? '0' : ms < 1000 ? short(ms) + ' ms' : ms < 120_000 ? short(ms / 1000) + ' s' : short(ms / 60_000) + ' min';
const dollars = usd => '$' + (usd === 0 ? '0' : usd < 0.1 ? trimmed(usd.toPrecision(2)) : usd < 1000 ? usd.toFixed(2) : short(usd));

/** Draws the four charts of a job, or brings those that are there up to date. */
export function jobCharts(parent, series, {budgetUsd = null} = {}) {
    const {stepSeconds, points} = series;
    const throughput = field => (point, i) => perMinute(points.slice(Math.max(0, i + 1 - SMOOTH / stepSeconds), i + 1), field, stepSeconds);
    const budget = {name: 'budget', kind: 'limit', value: () => budgetUsd};
    [
        {
            id: 'throughput', title: 'Throughput', unit: 'items per minute', format: count, lines: [
                {name: 'successful', kind: 'a', area: true, value: throughput('completed')},
                {name: 'failed', kind: 'bad', value: throughput('failed')}],
        },
        {
            id: 'latency', title: 'Latency', unit: 'of a call', format: duration, lines: [
                {name: 'p50', kind: 'a', value: point => point.p50Ms},
                {name: 'p95', kind: 'b', value: point => point.p95Ms}],
        },
        {
            id: 'in-flight', title: 'In flight', unit: 'calls', format: count, whole: true, lines: [
                {name: 'in flight', kind: 'a', area: true, value: point => point.inFlight}],
        },
        {
            id: 'spend', title: 'Spend', unit: 'US dollars so far', format: dollars, lines: [
                {name: 'spent', kind: 'a', area: true, value: point => point.costUsd},
                ...budgetUsd === null ? [] : [budget]],
        },
    ].forEach((spec, i) => chart(child(parent, i, 'figure', {class: 'chart'}), spec, points));
}

const perMinute = (points, field, stepSeconds) =>
    points.reduce((sum, point) => sum + point[field], 0) * 60 / (points.length * stepSeconds);

/** What each figure shows, for when its width or the pointer changes. */
const shown = new WeakMap();

function chart(figure, spec, points) {
    const known = shown.has(figure);
    const state = shown.get(figure) ?? {hover: null};
    Object.assign(state, {spec, points: points.map(point => ({...point, time: Date.parse(point.at)}))});
    shown.set(figure, state);
    frame(figure, spec);
    if (!known) {
        new ResizeObserver(() => draw(figure)).observe(figure);
        const plot = figure.querySelector('svg.plot');
        plot.addEventListener('pointermove', event => hover(figure, event.clientX - plot.getBoundingClientRect().left));
        plot.addEventListener('pointerleave', () => hover(figure, null));
        figure.querySelector('details').addEventListener('toggle', () => table(figure));
    }
    draw(figure);
    table(figure);
}

function frame(figure, spec) {
    set(figure, {'data-chart': spec.id});
    const caption = child(figure, 0, 'figcaption');
    child(caption, 0, 'span', {class: 'chart-title'}, spec.title);
    child(caption, 1, 'span', {class: 'chart-unit'}, spec.unit);
    child(caption, 2, 'time', {class: 'chart-at'});
    const legend = child(figure, 1, 'ul', {class: 'legend'});
    spec.lines.forEach((line, i) => {
        const entry = child(legend, i, 'li');
        const sample = child(entry, 0, 'svg', {class: 'sample', width: 18, height: 8, 'aria-hidden': 'true'});
        child(sample, 0, 'path', {class: `line ${line.kind}`, d: 'M1 4H17'});
        child(entry, 1, 'span', {}, line.name);
        child(entry, 2, 'b');
    });
    cut(legend, spec.lines.length);
    const plot = child(figure, 2, 'svg', {
        class: 'plot', height: HEIGHT, role: 'img', 'aria-label': spec.title, 'aria-describedby': `${spec.id}-desc`,
    });
    child(plot, 0, 'desc', {id: `${spec.id}-desc`});
    ['grid', 'times', 'lines', 'cursor'].forEach((layer, i) => child(plot, i + 1, 'g', {class: layer}));
    child(plot, 5, 'text', {class: 'empty', 'text-anchor': 'middle'});
    const details = child(figure, 3, 'details');
    child(details, 0, 'summary', {}, 'As a table');
}

function draw(figure) {
    const {spec, points} = shown.get(figure);
    const width = Math.max(240, Math.floor(figure.clientWidth));
    const [desc, grid, times, lines, , empty] = figure.querySelector('svg.plot').children;
    set(figure.querySelector('svg.plot'), {width, viewBox: `0 0 ${width} ${HEIGHT}`});
    const scale = scales(spec, points, width);
    shown.get(figure).scale = scale;

    scale.values.forEach((value, i) => {
        const group = child(grid, i, 'g');
        child(group, 0, 'path', {d: `M${MARGIN.left} ${scale.y(value)}H${width - MARGIN.right}`});
        child(group, 1, 'text', {x: MARGIN.left - 8, y: scale.y(value) + 4, 'text-anchor': 'end'}, spec.format(value));
    });
    cut(grid, scale.values.length);
    scale.times.forEach((time, i) =>
        child(times, i, 'text', {x: scale.x(time), y: HEIGHT - 8, 'text-anchor': 'middle'}, clock(time, scale.step)));
    cut(times, scale.times.length);

    spec.lines.forEach((line, i) => {
        const group = child(lines, i, 'g');
        const runs = unbroken(points, line.value);
        child(group, 0, 'path', {class: `area ${line.kind}`, d: line.area ? runs.map(run => area(run, scale)).join('') : ''});
        child(group, 1, 'path', {class: `line ${line.kind}`, d: runs.map(run => path(run, scale)).join('')});
    });
    cut(lines, spec.lines.length);

    write(empty, points.length ? '' : 'Nothing to draw yet');
    set(empty, {x: width / 2, y: HEIGHT / 2});
    write(desc, points.length ? described(spec, points) : 'Nothing to draw yet');
    readout(figure);
}

/** Where values and times are on the plot, and which of them are written at the axes. */
function scales(spec, points, width) {
    const top = Math.max(0, ...points.flatMap((point, i) => spec.lines.map(line => line.value(point, i) ?? 0)));
    const unit = nice(top || 1, 4, spec.whole);
    const ceiling = Math.max(1, Math.ceil(top / unit - 1e-9)) * unit;
    const first = points.length ? points[0].time : 0;
    const last = points.length ? Math.max(points.at(-1).time, first + 1000) : 1000;
    const [left, right, bottom] = [MARGIN.left, width - MARGIN.right, HEIGHT - MARGIN.bottom];
    const seconds = (last - first) / 1000;
    const step = STEPS.find(s => seconds / s <= (right - left) / (s < 60 ? 84 : 60)) ?? STEPS.at(-1);
    const zone = new Date(first).getTimezoneOffset() * 60_000;
    const start = Math.ceil((first - zone) / (step * 1000)) * step * 1000 + zone;
    const times = [];
    for (let time = start; points.length && time <= last; time += step * 1000) {
        times.push(time);
    }
    const values = [];
    for (let i = 0; i * unit <= ceiling + unit / 2; i++) {
        values.push(i * unit);
    }
    return {
        step, times, values, bottom,
        x: time => round(left + (right - left) * (time - first) / (last - first)),
        y: value => round(bottom - (bottom - MARGIN.top) * value / ceiling),
    };
}

/** 1, 2 or 5 times a power of ten, so that about so many steps of it reach the top. */
function nice(top, steps, whole) {
    const power = 10 ** Math.floor(Math.log10(top / steps));
    const unit = [1, 2, 5, 10].map(factor => factor * power).find(size => size >= top / steps - 1e-12);
    return whole ? Math.max(1, Math.ceil(unit)) : unit;
}

/** The stretches without an unknown value in between: a line does not guess. */
function unbroken(points, value) {
    const runs = [];
    let run = null;
    for (const [i, point] of points.entries()) {
        const at = value(point, i) ?? null;
        if (at === null) {
            run = null;
        } else if (run === null) {
            runs.push(run = [[point.time, at]]);
        } else {
            run.push([point.time, at]);
        }
    }
    return runs;
}

const path = (run, scale) => run.map(([time, value], i) => `${i ? 'L' : 'M'}${scale.x(time)} ${scale.y(value)}`).join('')
    + (run.length === 1 ? 'h0.01' : ''); // the round end of a line makes a dot of it

const area = (run, scale) => run.length === 1 ? '' : path(run, scale) + `V${scale.bottom}H${scale.x(run[0][0])}Z`;

function hover(figure, x) {
    const state = shown.get(figure);
    state.hover = x === null || !state.points.length ? null : state.points.reduce((best, point, i) =>
        Math.abs(state.scale.x(point.time) - x) < Math.abs(state.scale.x(state.points[best].time) - x) ? i : best, 0);
    readout(figure);
}

/** The values under the pointer, else the last ones. */
function readout(figure) {
    const {spec, points, hover, scale} = shown.get(figure);
    const at = Math.min(hover ?? points.length - 1, points.length - 1);
    const point = points[at];
    spec.lines.forEach((line, i) => {
        const value = point && (line.value(point, at) ?? null);
        write(figure.querySelectorAll('.legend b')[i], value === null || value === undefined ? '–' : spec.format(value));
    });
    write(figure.querySelector('.chart-at'), point && hover !== null ? clock(point.time, 1) : '');
    const cursor = figure.querySelector('.cursor');
    child(cursor, 0, 'path', {d: point && hover !== null ? `M${scale.x(point.time)} ${MARGIN.top}V${scale.bottom}` : ''});
}

function described(spec, points) {
    const lines = spec.lines.map(line => {
        const values = points.map(line.value).filter(value => value !== null && value !== undefined);
        return values.length === 0 ? `${line.name} is not known` : `${line.name} between ${spec.format(Math.min(...values))}`
            + ` and ${spec.format(Math.max(...values))}, last ${spec.format(values.at(-1))}`;
    });
    return `${spec.unit}, ${clock(points[0].time, 1)} to ${clock(points.at(-1).time, 1)}: ${lines.join('; ')}.`;
}

/** The same figures for who does not see the lines; made when it is opened. */
function table(figure) {
    const details = figure.querySelector('details');
    if (!details.open) {
        return;
    }
    const {spec, points} = shown.get(figure);
    const box = child(details, 1, 'div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `${spec.title}, table`});
    const grid = child(box, 0, 'table', {class: 'data'});
    child(grid, 0, 'caption', {}, `${spec.title}, ${spec.unit}`);
    const head = child(child(grid, 1, 'thead'), 0, 'tr');
    child(head, 0, 'th', {scope: 'col'}, 'Time');
    spec.lines.forEach((line, i) => child(head, i + 1, 'th', {scope: 'col', class: 'num'}, line.name));
    cut(head, spec.lines.length + 1);
    const body = child(grid, 2, 'tbody');
    points.forEach((point, row) => {
        const cells = child(body, row, 'tr');
        child(cells, 0, 'th', {scope: 'row'}, clock(point.time, 1));
        spec.lines.forEach((line, i) => {
            const value = line.value(point, row) ?? null;
            child(cells, i + 1, 'td', {class: 'num'}, value === null ? '–' : spec.format(value));
        });
        cut(cells, spec.lines.length + 1);
    });
    cut(body, points.length);
}

/** The child at this place, made when there is none; attributes and text are written only where they differ. */
function child(parent, index, name, attributes = {}, text = null) {
    let node = parent.children[index];
    if (!node) {
        const inSvg = name === 'svg' || parent.namespaceURI === SVG;
        node = parent.appendChild(inSvg ? document.createElementNS(SVG, name) : document.createElement(name));
    }
    set(node, attributes);
    if (text !== null) {
        write(node, text);
    }
    return node;
}

function set(node, attributes) {
    for (const [name, value] of Object.entries(attributes)) {
        if (node.getAttribute(name) !== String(value)) {
            node.setAttribute(name, value);
        }
    }
}

function write(node, text) {
    if (!node.firstChild) {
        node.append('');
    }
    if (node.firstChild.data !== text) {
        node.firstChild.data = text;
    }
}

function cut(parent, length) {
    while (parent.children.length > length) {
        parent.lastElementChild.remove();
    }
}

function clock(time, step) {
    const form = step >= 86_400 ? {day: 'numeric', month: 'short'}
        : {hour: '2-digit', minute: '2-digit', ...step < 60 && {second: '2-digit'}};
    return new Intl.DateTimeFormat('en-GB', form).format(time);
}

const round = value => Math.round(value * 10) / 10;
const trimmed = text => text.includes('.') ? text.replace(/\.?0+$/, '') : text;
const short = value => value >= 100 ? Math.round(value).toLocaleString('en-US') : trimmed(value.toFixed(value >= 10 ? 1 : 2));
