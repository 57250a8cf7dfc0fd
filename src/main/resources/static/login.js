/** The form to sign in with: its proof against forgery, and why the last try failed. */
import {cookie} from './api.js';

const query = new URLSearchParams(location.search);
const said = query.has('locked') ? 'Too many tries. Wait a minute, then try again.'
    : query.has('error') ? 'That user and password do not go together.'
    : query.has('logout') ? 'You are signed out.' : '';

const problem = document.getElementById('problem');
problem.hidden = said === '';
problem.textContent = said;
if (query.has('logout')) {
    problem.dataset.is = 'good';
}
document.querySelector('form').addEventListener('submit', event => {
    event.target.elements._csrf.value = cookie('XSRF-TOKEN'); // only now: the cookie may be younger than the page
});
