import { Secret } from "./secret.ts";

/** Who an address logs in as; a user that is left out is the system's default one. */
export type Login = {
  readonly user: string | undefined;
  readonly password: Secret | undefined;
};

/** The login in an address such as `redis://user:password@host:6379/0`. */
export function loginOf(address: Secret): Login {
  const { userInfo } = partsOf(address);
  const [user = "", ...password] = userInfo.split(":");
  return {
    user: user === "" ? undefined : decoded(user),
    password: password.length === 0 ? undefined : new Secret(decoded(password.join(":"))),
  };
}

/** The same address with another login; all else stays as it is spelt. */
export function withLogin(
  address: Secret,
  { user, password }: { readonly user: string | undefined; readonly password: Secret },
): Secret {
  const { scheme, place } = partsOf(address);
  const [name, word] = [user ?? "", password.reveal()].map(encodeURIComponent);
  return new Secret(`${scheme}${name}:${word}@${place}`);
}

/** Not by URL, which knows no address without a host, such as that of a socket. */
function partsOf(address: Secret) {
  const [, scheme, authority = "", rest = ""] =
    /^([a-z][a-z0-9+.-]*:\/\/)([^/?#]*)(.*)$/is.exec(address.reveal()) ?? [];
  if (scheme === undefined) {
    throw new Error("The address has no login; expected one such as redis://user:password@host/0.");
  }
  const at = authority.lastIndexOf("@");
  return {
    scheme,
    userInfo: authority.slice(0, Math.max(at, 0)),
    place: `${authority.slice(at + 1)}${rest}`,
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // What nobody has encoded is taken as it is.
    return text;
  }
}
