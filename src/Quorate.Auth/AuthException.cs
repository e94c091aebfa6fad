namespace Quorate.Auth;

/// <summary>An error of auth that has no code of its own: clients see its text with code Unknown.</summary>
public sealed class AuthException(string message) : Exception(message);
