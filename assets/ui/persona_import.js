// The file is read here and travels as text, so that nothing is uploaded to the server's disk.
const input = element.querySelector("input[type=file]");
input.addEventListener("change", async () => {
  const file = input.files[0];
  if (!file) return;
  const text = await file.slice(0, Number(input.dataset.maxBytes) + 1).text();
  input.value = "";
  trigger("upload", { name: file.name, text });
});
