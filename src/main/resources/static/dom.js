/**
 * A page says what should be there; patch() makes it so and touches nothing else: an element that stays is the same element,
 * a text or attribute that stays is not written. Nothing becomes HTML: every string is a text node.
 */

const SVG = 'http://www.w3.org/2000/svg';

/** What an element was last told to be, so that what the reader did to it (a value, an open detail) is left alone. */
const told = new WeakMap();

/**
 * What an element should be.
 *
 * @param props attributes (true is an empty one, null or false is none), and: key, which tells it from its siblings; on,
 *     handlers by event; style, properties that CSS cannot know; value and checked, as it begins; foreign, when somebody
 *     else fills it
 * @param children elements and strings; lists are flattened, null and false left out
 */
export function h(tag, props, ...children) {
    return {tag, props: props ?? {}, children: flat(children)};
}

/** Makes these the children of an element. */
export function patch(parent, ...children) {
    fill(parent, flat(children));
}

const flat = children => children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false);

function fill(parent, wanted) {
    const old = [...parent.childNodes];
    const keyed = new Map(old.filter(node => keyOf(node) !== undefined).map(node => [keyOf(node), node]));
    const loose = old.filter(node => keyOf(node) === undefined);
    const nodes = wanted.map(child => match(child, keyed, loose) ?? made(child, parent));
    const kept = new Set(nodes);
    old.filter(node => !kept.has(node)).forEach(node => node.remove());
    nodes.forEach((node, i) => {
        if (parent.childNodes[i] !== node) {
            parent.insertBefore(node, parent.childNodes[i] ?? null);
        }
        dress(node, wanted[i]);
    });
}

const keyOf = node => told.get(node)?.key;

/** The element that was this one before. */
function match(child, keyed, loose) {
    const fits = node => typeof child === 'object' ? node.localName === child.tag : node.nodeType === Node.TEXT_NODE;
    if (child.props?.key !== undefined) {
        const node = keyed.get(child.props.key);
        return node && fits(node) ? node : null;
    }
    const at = loose.findIndex(fits);
    return at < 0 ? null : loose.splice(0, at + 1).at(-1);
}

function made(child, parent) {
    if (typeof child !== 'object') {
        return document.createTextNode('');
    }
    return child.tag === 'svg' || parent.namespaceURI === SVG
        ? document.createElementNS(SVG, child.tag) : document.createElement(child.tag);
}

function dress(node, child) {
    if (typeof child !== 'object') {
        if (node.data !== String(child)) {
            node.data = child;
        }
        return;
    }
    const before = told.get(node) ?? {};
    told.set(node, child.props);
    for (const name of new Set([...Object.keys(before), ...Object.keys(child.props)])) {
        property(node, name, before[name], child.props[name]);
    }
    if (!child.props.foreign) {
        fill(node, child.children);
    }
    if (child.tag === 'select' && child.props.value !== before.value) {
        node.value = child.props.value; // its options are there only now
    }
}

function property(node, name, before, value) {
    if (name === 'key' || name === 'foreign') {
        return;
    }
    if (name === 'on') {
        Object.keys(value ?? {}).filter(event => !(event in (before ?? {})))
            .forEach(event => node.addEventListener(event, e => told.get(node).on?.[event]?.(e)));
    } else if (name === 'style') {
        Object.entries(value).filter(([key, text]) => before?.[key] !== text)
            .forEach(([key, text]) => node.style.setProperty(key, text));
    } else if (before !== value && (name === 'value' || name === 'checked') && name in node) {
        node[name] = value;
    } else if (before !== value) {
        attribute(node, name, value);
    }
}

function attribute(node, name, value) {
    if (value === null || value === undefined || value === false) {
        node.removeAttribute(name);
    } else if (node.getAttribute(name) !== String(value === true ? '' : value)) {
        node.setAttribute(name, value === true ? '' : value);
    }
}
