/** Figures as a person reads them. What is not known is a dash. */

const NONE = '–';

export const number = value => value === null || value === undefined ? NONE : value.toLocaleString('en-US');

export const percent = value => value === null || value === undefined ? NONE : `${value.toFixed(1)} %`;

/** US dollars; below a cent with the digits that make a difference. */
export function money(usd, digits = digitsOf(usd)) {
    if (usd === null || usd === undefined) {
        return NONE;
    }
    return '$' + usd.toLocaleString('en-US', {minimumFractionDigits: digits, maximumFractionDigits: digits});
}

const digitsOf = usd => usd === 0 || usd >= 0.1 ? 2 : usd >= 0.001 ? 4 : 6;

export const range = (low, high) => low === null || low === undefined ? NONE
    : low === high ? money(high) : `${money(low, digitsOf(high))} – ${money(high)}`;

/** Seconds, in at most two units. */
export function duration(seconds) {
    if (seconds === null || seconds === undefined) {
        return NONE;
    }
    if (seconds < 10) {
        return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
    }
    const all = Math.round(seconds);
    const [days, hours, minutes] = [Math.floor(all / 86_400), Math.floor(all / 3600) % 24, Math.floor(all / 60) % 60];
    return days ? `${days} d ${hours} h` : hours ? `${hours} h ${minutes} min` : minutes ? `${minutes} min ${all % 60} s` : `${all} s`;
}

/** A time to wait, which is a guess and so is said roughly. */
export const roughly = seconds => seconds === null || seconds === undefined ? NONE
    : seconds < 10 ? 'a few seconds'
    : seconds < 90 ? `${Math.ceil(seconds / 10) * 10} s`
    : seconds < 5400 ? `${Math.ceil(seconds / 60)} min`
    : seconds < 172_800 ? `${(seconds / 3600).toFixed(1)} h` : `${Math.round(seconds / 86_400)} days`;

const DAY = {day: 'numeric', month: 'short'};
const TIME = {hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23'};
const dates = new Intl.DateTimeFormat('en-GB', {...DAY, ...TIME});
const datesOfOtherYears = new Intl.DateTimeFormat('en-GB', {...DAY, year: 'numeric', ...TIME});
const times = new Intl.DateTimeFormat('en-GB', TIME);

/** In the reader's own time zone. */
export function dateTime(iso) {
    const date = new Date(iso);
    return !iso ? NONE : (date.getFullYear() === new Date().getFullYear() ? dates : datesOfOtherYears).format(date);
}

export const clock = iso => iso ? times.format(new Date(iso)) : NONE;

export function bytes(value) {
    if (value === null || value === undefined) {
        return NONE;
    }
    const units = ['B', 'KB', 'MB', 'GB', 'TB'];
    const power = Math.min(units.length - 1, value < 1 ? 0 : Math.floor(Math.log10(value) / 3));
    return `${(value / 1000 ** power).toFixed(power && value / 1000 ** power < 10 ? 1 : 0)} ${units[power]}`;
}

/** 1 item, 2 items. */
export const plural = (n, one, many = one + 's') => `${number(n)} ${n === 1 ? one : many}`;

/** pending_review → pending review. */
export const words = key => key === null || key === undefined ? NONE : key.replaceAll('_', ' ');
