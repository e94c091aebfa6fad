namespace Quorate.Server.Hosting;

/// <summary>Settings that do not fit together: told in a log line "failed to verify flags", and exit code 1 (spec 06 §7.2).</summary>
public sealed class OptionsException(string message) : Exception(message);
