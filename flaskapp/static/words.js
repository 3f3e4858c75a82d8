// Figures and times as a person reads them.
const whole = new Intl.NumberFormat("en");

export const number = (value) => whole.format(value);

export function short(value) {
  if (value < 1e6) return number(value);
  return value < 1e9 ? `${(value / 1e6).toFixed(value < 1e8 ? 2 : 1)} M` : `${(value / 1e9).toFixed(2)} G`;
}

export function seconds(value) {
  if (value < 1) return [String(Math.round(value * 1000)), "ms"];
  return value < 120 ? [value.toFixed(1), "s"] : [String(Math.round(value / 60)), "min"];
}

export function ago(moment) {
  const minutes = Math.floor((Date.now() - Date.parse(moment)) / 60000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  return minutes < 1440 ? `${Math.floor(minutes / 60)} h ago` : `${Math.floor(minutes / 1440)} d ago`;
}
