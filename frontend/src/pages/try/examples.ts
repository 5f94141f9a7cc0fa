export const EXAMPLES: { name: string; text: string }[] = [
  { name: "Warm", text: "A warm, funny film with a cast that never puts a foot wrong. I left the cinema smiling." },
  { name: "Cold", text: "Two hours I will not get back. The plot is dull, the jokes are tired and nobody seems to care." },
  { name: "Mixed", text: "The pictures are gorgeous and the music is lovely, but the story goes nowhere and ends too late." },
  { name: "Turned", text: "I expected to hate it. The trailer was awful and the poster worse. It won me over within minutes." },
  { name: "No film", text: "The parcel came a week late, the box was torn, and the charger inside was for another country." },
];
