/** Offer the time zones that the browser knows, and in a new form choose its own. */
export function offerZones(field, list) {
  for (const name of Intl.supportedValuesOf("timeZone")) list.append(new Option(name, name));
  if (!("new" in field.dataset)) return;
  field.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}
