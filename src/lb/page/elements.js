/** Makes elements. Whatever the service says becomes text, never markup. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @typedef {Record<string, string | number | boolean>} Attributes `false` leaves one out
 * @typedef {Node | string} Child
 */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes} [attributes]
 * @param {Child[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function html(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/**
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes} [attributes]
 * @param {Child[]} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/**
 * Makes the children of an element like these, and leaves alone what is like them already: whoever has the page read out
 * to them, or has marked something, stays where they are.
 *
 * @param {Element} parent
 * @param {Node[]} children
 */
export function update(parent, ...children) {
  children.forEach((fresh, at) => {
    const old = parent.childNodes[at];
    if (old === undefined) parent.append(fresh);
    else if (old instanceof Element && fresh instanceof Element && old.tagName === fresh.tagName) {
      for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
      for (const { name, value } of fresh.attributes) {
        if (old.getAttribute(name) !== value) old.setAttribute(name, value);
      }
      update(old, ...fresh.childNodes);
    } else if (old instanceof Text && fresh instanceof Text) {
      if (old.data !== fresh.data) old.data = fresh.data;
    } else old.replaceWith(fresh);
  });
  while (parent.childNodes.length > children.length) parent.lastChild?.remove();
}

/**
 * An element of the page's own markup.
 *
 * @template {Element} E
 * @param {string} id
 * @param {new () => E} type
 * @returns {E}
 */
export function byId(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} named ${id}`);
  return found;
}

/**
 * @template {Element} E
 * @param {E} element
 * @param {Attributes} attributes
 * @param {Child[]} children
 * @returns {E}
 */
function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}
