/** Common slips in the domain of an address; the address is accepted all the same. */
const MEANT: Record<string, string> = {
  "gmial.com": "gmail.com",
  "gmai.com": "gmail.com",
  "gamil.com": "gmail.com",
  "gmail.co": "gmail.com",
  "gmail.con": "gmail.com",
  "gnail.com": "gmail.com",
  "hotnail.com": "hotmail.com",
  "hotmial.com": "hotmail.com",
  "hotmail.con": "hotmail.com",
  "outlok.com": "outlook.com",
  "outlook.con": "outlook.com",
  "yaho.com": "yahoo.com",
  "yahoo.con": "yahoo.com",
  "iclod.com": "icloud.com",
  "icloud.con": "icloud.com",
};

/** Returns the address that was probably meant, empty if nothing looks wrong. */
export function suggestedAddress(address: string): string {
  const at = address.lastIndexOf("@");
  const meant = at > 0 ? MEANT[address.slice(at + 1).trim().toLowerCase()] : undefined;
  return meant ? `${address.slice(0, at).trim()}@${meant}` : "";
}
