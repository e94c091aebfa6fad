namespace Quorate.Server.Hosting;

/// <summary>A command line that cannot be parsed: one line for standard error, and exit code 2.</summary>
public sealed class FlagException(string message) : Exception(message);
