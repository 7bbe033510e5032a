/**
 * What the browser tests hold on to. Each is a `data-testid`; texts and classes may change, these may not.
 *
 * Sign in
 *   signin                   the form
 *   signin-name              the nickname field
 *   team-red, team-blue      the team choices (checkboxes; none checked: no team)
 *   signin-short             the choice of tokens that live a few seconds (a checkbox)
 *   signin-submit            the button
 *   signin-error             what went wrong, in words (empty when nothing did)
 *
 * The chat
 *   app                      the whole signed-in page; `data-user` is the user id
 *   room-<channel>           a room or private conversation in the list, e.g. `room-chat:general`, `room-team:red`,
 *                            `room-dm:#alice,bob`; `aria-current="true"` on the open one, `data-unread` the count
 *   room-title               the title of the open room; `data-channel` is its channel
 *   message-list             the messages of the open room; `data-state` is idle | entering | open | refused | failed
 *   message                  one message; `data-sender` is the user id, `data-offset` its place in the channel
 *   message-text             its text, inside `message`
 *   notice                   a line such as "Bob joined"
 *   composer, send           the text field and its button
 *   composer-error           why a message was not sent (empty when it was)
 *   refusal                  why a room cannot be entered
 *   people, person-<user>    who is in the open room; a click on a person opens the private conversation
 *   people-count             how many they are
 *   connection-state         `data-state` is connecting | connected | offline; the text says it in words
 *   connection-retry         the button beside it, there when the client has given up
 *   token                    which token the page has, and until when; `data-number` counts them
 *   theme-toggle, signout    the two buttons beside one's own name
 *   open-rooms, open-people  what opens the drawers on a small screen
 */
export const testid = (id: string) => ({ "data-testid": id });
