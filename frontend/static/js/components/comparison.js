/** Two pictures on top of each other; the slider uncovers one of them. */
export const comparison = () => ({
  position: 50,

  get clip() {
    return { clipPath: `inset(0 0 0 ${this.position}%)` };
  },
  get line() {
    return { left: `${this.position}%` };
  },
});
