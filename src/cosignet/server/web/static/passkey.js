// The two passkey ceremonies through the browser's own JSON forms, requests to this server, and
// what their failures mean in plain words.

/** A failure with words for a person: `message` says what happened, `cure` what to do. */
export class Trouble extends Error {
  constructor(title, cure = "", { status = 0, code = "" } = {}) {
    super(title);
    Object.assign(this, { cure, status, code });
  }
}

/** Whether this browser has passkeys in the form needed here. */
export function isSupported() {
  return typeof PublicKeyCredential === "function"
    && typeof PublicKeyCredential.parseCreationOptionsFromJSON === "function"
    && typeof PublicKeyCredential.parseRequestOptionsFromJSON === "function"
    && typeof PublicKeyCredential.prototype.toJSON === "function";
}

/** Create a passkey; returns the browser's RegistrationResponseJSON. Throws Trouble. */
export async function createPasskey(options) {
  try {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    return (await navigator.credentials.create({ publicKey })).toJSON();
  } catch (error) {
    throw explain(error, {});
  }
}

/** Sign with a passkey; returns the browser's AuthenticationResponseJSON. Throws Trouble. */
export async function usePasskey(options, signal) {
  try {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
    return (await navigator.credentials.get({ publicKey, signal })).toJSON();
  } catch (error) {
    throw explain(error, SIGNING);
  }
}

/** POST a JSON body; returns the answer's JSON. Throws Trouble with the problem's title and cure. */
export function post(path, body, signal) {
  return request(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
}

/** GET JSON; the server forbids to keep it. Throws Trouble. */
export function get(path, signal) {
  return request(path, { signal });
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, {
      ...options,
      credentials: "same-origin",
      headers: { accept: "application/json", ...options.headers },
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble("The server cannot be reached.", "Check your connection and try again.");
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  const { status } = response;
  const cure = answer?.field ? answer.detail ?? answer.cure : answer?.cure;
  throw new Trouble(answer?.title ?? `The server answered ${status}.`,
    cure ?? "Try again in a moment.", { status, code: answer?.code });
}

const CLOSED = "The passkey prompt was closed, or it timed out.";
const SIGNING = {
  NotAllowedError: [CLOSED, "Nothing was signed. You can try again."],
  InvalidStateError: ["This passkey cannot be used now.", "Nothing was signed. Try again."],
};
const EITHER = {
  AbortError: ["The passkey prompt was closed.", "Nothing was signed."],
  SecurityError: ["Passkeys do not work at this address.",
    "Open the page under the address it was sent with."],
};

function explain(error, words) {
  const [title, cure] = words[error.name] ?? EITHER[error.name]
    ?? ["The passkey could not be used.", `Nothing was signed. (${error.name}: ${error.message})`];
  return new Trouble(title, cure, { code: error.name });
}
