// A card longer than the screen is read from its top to its end before it can be approved.
import { byId, show } from "./page.js";

const OVERLAP = 96; // pixels that stay in view when the page moves on

/**
 * Follow how far the card has been in view, without a gap. `onEnd` is called once, at its end.
 * Returns {isRead, readOn}: whether that is so, and a way to move to the unread part.
 */
export function readToEnd(card, onEnd) {
  const foot = byId("bar").previousElementSibling;
  const place = () => {
    const { top, height } = card.getBoundingClientRect();
    // On low screens the foot does not stick, and stands below the card.
    const room = Math.min(innerHeight, foot.getBoundingClientRect().top);
    return { top, height, room };
  };
  let read = 0; // of the card's height
  const look = () => {
    const { top, height, room } = place();
    if (read >= 1 || -top > read * height + 1) return; // a jump over the unread part is no reading
    read = Math.max(read, (room - top + 1) / height);
    tell((height * (1 - read)) / (room - OVERLAP));
    if (read >= 1) onEnd();
  };
  window.addEventListener("scroll", look, { passive: true });
  window.addEventListener("resize", look);
  look();
  return {
    isRead: () => read >= 1,
    readOn() {
      const { top, height } = place();
      const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      const behavior = isCalm ? "instant" : "smooth";
      window.scrollBy({ top: top + read * height - OVERLAP, behavior });
    },
  };
}

function tell(screens) {
  show(byId("approve"), screens > 0 ? "read" : "sign");
  const rest = Math.ceil(screens);
  const words = rest > 1 ? `${rest} more screens` : "1 more screen";
  const place = byId("unread");
  place.hidden = screens <= 0;
  if (place.textContent !== words) place.textContent = words;
}
