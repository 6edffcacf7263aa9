export default { render() { return null; } };
