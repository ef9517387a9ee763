package ssh

// sftp carries SFTP.
func (m *process) sftp() {
	panic("not yet")
}
