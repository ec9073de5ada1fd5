// The page of a node that stands by: looks every five seconds whether it leads, and is the leader's page then.
const PERIOD_MS = 5000;

async function look() {
  try {
    const said = await (await fetch("/readyz")).json();
    if (said.type !== "urn:themis:problem:standing_by") location.reload();
  } catch { /* it is being started again */ }
}
setInterval(look, PERIOD_MS);
