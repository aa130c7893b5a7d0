// @ts-check
/** Names that nobody has: SQL expressions that put them together from a number. */

const places =
  "Alder,Birch,Cedar,Dune,Elm,Fern,Granite,Harbor,Iron,Juniper,Kestrel,Laurel,Maple,North,Oak,Pine,Quarry,River,Stone,Tide";
const features = "bank,bridge,brook,cliff,crest,dale,field,gate,haven,hill,land,mark,mere,point,ridge,side,vale,water,well,wood";
const firms = "Capital,Partners,Advisors,Investment Management,Asset Management,Holdings,Trust,Associates";
const trades =
  "Airlines,Biologics,Chemicals,Devices,Energy,Foods,Gas,Health,Industries,Labs,Logistics,Metals,Networks,Payments,Power,Rail";

/**
 * SQL of an investor's name: unique below 400 x 8, and numbered beyond.
 *
 * @param {string} number SQL of a whole number from 0
 */
export function investorNames(number) {
  const base = `${word(places, number)} || ${word(features, `${number} // 20`)} || ' ' || ${word(firms, `${number} + ${number} // 400`)}`;
  return `${base} || if(${number} < 3200, '', ' ' || (${number} // 3200 + 1))`;
}

/**
 * SQL of the columns `symbol`, four letters, and `name` of an asset.
 *
 * @param {string} number SQL of a whole number from 0
 */
export function assetNames(number) {
  const letters = [17576, 676, 26, 1].map((unit) => `chr((65 + ${number} // ${unit} % 26)::INTEGER)`).join(" || ");
  const base = `${word(features, number)} || ${word(features, `${number} // 20 + 7`)} || ' ' || ${word(trades, `${number} + ${number} // 400`)}`;
  return `${letters} AS symbol, upper(left(${base}, 1)) || (${base})[2:] || if(${number} < 6400, '', ' ' || (${number} // 6400 + 1)) AS name`;
}

/**
 * @param {string} words
 * @param {string} number
 */
function word(words, number) {
  const list = words.split(",");
  return `[${list.map((one) => `'${one}'`).join(",")}][((${number}) % ${list.length} + 1)::INTEGER]`;
}
